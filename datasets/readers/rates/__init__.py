"""Rates of labels by key and day, in which no row sees its own label. It knows no table.

`daily_sums` has the arithmetic.
"""
