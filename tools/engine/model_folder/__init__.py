"""The contract with a model folder: imports its modules and makes its models and readers.

What folders written for PaddleRec need beyond the contract lives here too; what is done with a
model does not.
"""
