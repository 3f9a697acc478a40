"""What ``tools/paddle_infer.py`` does: predicts a reader's rows, measures and reports.

The predictors themselves live in `engine.deployment.predictors`.
"""
