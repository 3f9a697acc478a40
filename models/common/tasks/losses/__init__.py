"""Losses of tasks by the names that YAML files use: formula, paper, options, prediction.

`registry.create` returns a task's loss. Weights of rows, and labels that are missing, are decided
elsewhere.
"""
