"""Streaming metrics: scores are collected in each step and counted when they are read.

A `Stream` keeps the counts of tasks of one type. A metric reads those of one task.
"""
