"""Tasks: their declaration in the YAML, their losses and their streaming metrics.

Exact metrics over saved predictions live in the engine.
"""
