"""The sparse fields of a model's input: what its reader reads is what it embeds."""

from datasets.sparse_fields import POOLINGS, SparseField, fields_of

__all__ = ["POOLINGS", "SparseField", "fields_of"]
