"""Exports a checkpoint, opens predictors for the export, and predicts with them.

The HTTP server is in `engine.serving`.
"""
