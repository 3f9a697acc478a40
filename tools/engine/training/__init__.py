"""The training loop, resuming, validation, early stopping and learning-rate schedules.

How one step is taken lives in `engine.graphs`.
"""
