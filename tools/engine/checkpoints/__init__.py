"""Checkpoints on disk: writing, finding and reading them, and comparing their parameters.

This package does not depend on nets or optimizers: a checkpoint is a set of named arrays, and facts
about the run as JSON.
"""
