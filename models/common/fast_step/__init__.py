"""A training step as straight-line code with written gradients: faster than autograd.

README.md in this folder explains it in one page.
"""
