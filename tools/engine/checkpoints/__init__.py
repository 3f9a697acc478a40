"""Checkpoints on disk: writing, finding, reading and matching parameters.

Nothing here knows nets or optimizers: a checkpoint is named arrays and a few facts.
"""
