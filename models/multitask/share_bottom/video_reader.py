"""The census table under the names of a short-video feed: completion and like."""

from datasets.census.reader import RecDataset

__all__ = ["RecDataset"]
