"""Exports a checkpoint, of dygraph or static graph, as an inference model.

`engine.deployment.exported_model` defines the files.
"""
