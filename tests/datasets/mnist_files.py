from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np

from datasets.Multi_MNIST_DselectK import prepare
from datasets.Multi_MNIST_DselectK.splits import SPLITS, Split
from datasets.preparing import fetch

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST_NAMES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    """An idx file of bytes."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


class MnistFiles:
    """A small MNIST: 30 training images, of which the last 10 validate, and 10 test images."""

    def __init__(self, folder: Path, compressed: bool = True):
        self.folder = folder
        folder.mkdir(parents=True)
        random = np.random.RandomState(5)
        self.images, self.classes, raw = {}, {}, {}
        for names, count in ((NAMES, 30), (TEST_NAMES, 10)):
            images = random.randint(1, 256, (count, 28, 28)).astype(np.uint8)
            classes = np.arange(count) % 10
            self.images[names[0]], self.classes[names[0]] = images, classes
            files = []
            for name, content in zip(names, (idx(images), idx(classes))):
                path = folder / (f"{name}.gz" if compressed else name)
                path.write_bytes(gzip.compress(content) if compressed else content)
                digest = hashlib.sha256(content).hexdigest()
                files.append(fetch.RawFile(name, digest, (), "MNIST_URL"))
            raw[names[0]] = tuple(files)
        self.splits = (
            Split("train", "train_all/train", raw[NAMES[0]], 0, 20, 50),
            Split("val", "valid_all/valid", raw[NAMES[0]], 20, 30, 20),
            Split("test", "test_all/test", raw[TEST_NAMES[0]], 0, 10, 20),
        )

    def prepare(self, output: Path, **options) -> None:
        prepare.prepare(output, self.folder, splits=self.splits, **options)


def written(output: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images and labels of each split."""
    return {
        split.name: tuple(
            np.load(output / f"{split.target}_{what}.npy") for what in ("images", "labels")
        )
        for split in SPLITS
    }
