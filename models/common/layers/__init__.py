"""Layers that several nets are made of, and the operators under them.

A layer that one net alone uses lives in that net's ``net.py``, unless it is long.
"""
