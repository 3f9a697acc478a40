"""Optimizers by the names that YAML files use.

Learning-rate schedules live in the engine.
"""
