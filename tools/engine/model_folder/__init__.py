"""The contract with a model folder: imports its modules, creates its models and readers.

Adaptations for folders written for PaddleRec live here too; training and evaluation do not.
"""
