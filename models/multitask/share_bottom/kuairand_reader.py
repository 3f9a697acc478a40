"""KuaiRand-Pure rows: dense numbers, ids, and what the person did with the video."""

from datasets.kuairand.reader import RecDataset

__all__ = ["RecDataset"]
