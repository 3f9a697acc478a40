"""Ali-CCP rows: `sparse_fields` in the YAML says which fields, `tasks` which label is which."""

from datasets.ali_ccp.reader import RecDataset

__all__ = ["RecDataset"]
