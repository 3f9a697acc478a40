"""Images of two digits, and which they are."""

from datasets.Multi_MNIST_DselectK.reader import RecDataset

__all__ = ["RecDataset"]
