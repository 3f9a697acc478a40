"""The reader of a user's own CSV, TSV or Parquet files, whose columns the YAML describes.

docs/table.md explains the YAML.
"""
