"""Generators of tables: a small example for docs/table.md and a large one for benchmarks.

The reader of tables lives in ``datasets.readers.table``.
"""
