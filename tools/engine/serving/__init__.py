"""The HTTP server of ``tools/serve.py``: parses requests, joins them into batches, and answers.

The predictors themselves are in `engine.deployment.predictors`.
"""
