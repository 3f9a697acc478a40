"""Rows of your own CSV, TSV or Parquet files: `table` in the YAML says what their columns are."""

from datasets.readers.table.reader import RecDataset

__all__ = ["RecDataset"]
