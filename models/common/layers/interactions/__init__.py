"""Interactions of features before the experts: ``hyper_parameters.bottom``, for every model."""
