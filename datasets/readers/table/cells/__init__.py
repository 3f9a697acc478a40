"""What the cells of a column are: numbers, labels, categories, and counts of those that are odd.

Each module takes columns of one batch. Files and vocabularies are in the package above.
"""
