"""A reader's rows become batches, in a reproducible order.

Readers themselves live in ``datasets`` and in model folders.
"""
