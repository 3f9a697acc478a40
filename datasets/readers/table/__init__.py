"""The reader of a user's own CSV, TSV or Parquet files, as the YAML describes them.

docs/table.md explains the YAML.
"""
