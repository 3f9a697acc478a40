"""What tools/daily.py does: evaluates each day before training on it, then trains, day after day.

`days` finds the days, `record` keeps what is done and measured, and `run` trains and evaluates.
"""
