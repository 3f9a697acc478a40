"""Configurations: a YAML file and ``-o key=value`` are merged, checked and made read-only.

This package contains the table of ``runner.*`` keys. Models declare their hyper-parameters.
"""
