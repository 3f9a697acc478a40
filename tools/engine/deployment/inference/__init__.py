"""The work of ``tools/paddle_infer.py``: predicts a reader's rows, measures and reports.

The predictors themselves are in `engine.deployment.predictors`.
"""
