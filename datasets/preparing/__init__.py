"""Preparation of data sets: download, verification, publishing, generators of samples.

The code of a single data set lives in its own folder.
"""
