"""From a checkpoint to predictions outside training: exports and what runs them.

The HTTP server lives in `engine.serving`.
"""
