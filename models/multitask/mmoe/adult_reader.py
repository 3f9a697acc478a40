"""Adult rows: six numbers, seven ids; is income over 50,000 dollars, was there a marriage."""

from datasets.adult.reader import RecDataset

__all__ = ["RecDataset"]
