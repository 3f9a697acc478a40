"""Exports of checkpoints: a dygraph net or a static program becomes an inference model.

The files' format lives in `engine.deployment.exported_model`.
"""
