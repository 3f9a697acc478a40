"""Census-Income rows: `tasks` in the YAML says which label column is income, which marital."""

from datasets.census.reader import RecDataset

__all__ = ["RecDataset"]
