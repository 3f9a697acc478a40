"""A net's inputs: dense features scaled, sparse fields embedded, side by side.

Readers, which make the rows, live in ``datasets``.
"""
