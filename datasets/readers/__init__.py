"""Readers: text files and tables become rows of arrays.

Downloading and preparing files lives in ``datasets.preparing``.
"""
