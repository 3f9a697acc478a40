"""Sessions: one model in dygraph or static graph, behind the `Session` protocol.

Averages of parameters and the check for NaN losses live here; loops over epochs do not.
"""
