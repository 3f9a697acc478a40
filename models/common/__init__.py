"""What the models share: the contract, inputs, layers, tasks, optimizers and the fast step.

A model's own formula lives in its ``net.py`` under ``models/multitask``.
"""
