"""Rates of a table's labels: cells become keys and days, files become sums, rows become numbers.

The arithmetic is in ``datasets/readers/rates``.
"""
