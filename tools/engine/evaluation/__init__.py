"""Evaluation: metrics, predictions, log lines and saved measurements.

Decisions that follow from a metric, such as early stopping, live in `engine.training`.
"""
