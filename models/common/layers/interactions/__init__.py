"""Interactions of features before the experts: the parts of ``hyper_parameters.bottom``.

One file a type. Every part maps the features ``[batch, size]`` of a `Layout` to
``[batch, out_size]``, by `layers.ops` only.
"""
