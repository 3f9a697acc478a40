"""What ``tools/serve.py`` does: HTTP requests, their checks, and batches joined from them.

The predictors themselves live in `engine.deployment.predictors`.
"""
