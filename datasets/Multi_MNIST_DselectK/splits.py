"""MNIST's files, and the images of training, validation and test set.

No image is in two splits: left and right digits of a split come from the same images.
"""

from __future__ import annotations

from typing import NamedTuple

from datasets.preparing.fetch import RawFile

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/{name}.gz",
    "https://storage.googleapis.com/cvdf-datasets/mnist/{name}.gz",
)


def _mnist(name: str, sha256: str) -> RawFile:
    return RawFile(name, sha256, MIRRORS, "MNIST_URL")


TRAIN = (
    _mnist(
        "train-images-idx3-ubyte",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    _mnist(
        "train-labels-idx1-ubyte",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
)
TEST = (
    _mnist(
        "t10k-images-idx3-ubyte",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    _mnist(
        "t10k-labels-idx1-ubyte",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


class Split(NamedTuple):
    """A training, validation or test set.

    Attributes:
        name: a word in the name of PaddleRec's file.
        target: beginning of the names of its files in the output folder.
        raw: MNIST's files of images and labels.
        first: number of its first image.
        last: number after its last image.
        rows: number of its rows.
    """

    name: str
    target: str
    raw: tuple[RawFile, RawFile]
    first: int
    last: int
    rows: int


SPLITS = (
    Split("train", "train_all/train", TRAIN, 0, 50_000, 100_000),
    Split("val", "valid_all/valid", TRAIN, 50_000, 60_000, 20_000),
    Split("test", "test_all/test", TEST, 0, 10_000, 20_000),
)
