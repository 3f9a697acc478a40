"""Makes batches of a reader's rows, in a reproducible order.

The readers live in ``datasets`` and in model folders.
"""
