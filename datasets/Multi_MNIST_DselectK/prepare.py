"""Prepares Multi-MNIST: images of two overlaid digits, from MNIST or from PaddleRec's archive.

    python -m datasets.Multi_MNIST_DselectK.prepare [--source mnist|paddlerec] [--raw_dir DIR]
                                                    [--output_dir DIR] [--force]

writes `train_all/`, `valid_all/` and `test_all/` (100,000, 20,000 and 20,000 rows) into the output
folder. Each has `NAME_images.npy` and `NAME_labels.npy`. Options:

    --source      mnist (the default): overlay MNIST's digits by the rule of `overlay.py`, always
                  the same digits; paddlerec: download PaddleRec's archive, from MULTI_MNIST_URL if
                  it is set
    --raw_dir     folder of MNIST's four idx files, compressed or not (default: the environment
                  variable RAW_DIR; if neither is set, they are downloaded, from MNIST_URL if it is
                  set)
    --output_dir  folder of the prepared files (default: this folder)
    --force       prepare again, even if the files exist

The left digits of the training set are MNIST's first 50,000 training images, those of the
validation set the last 10,000, and those of the test set its 10,000 test images, each twice. Right
digits are drawn from the same images. So no image is in two splits.

Errors (one line, exit code 2; earlier files stay unchanged): a raw file is missing, cannot be
downloaded or has another SHA-256; the archive is damaged, or its content is not as described in
`archive.py`; a file cannot be written.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from datasets.Multi_MNIST_DselectK import archive
from datasets.Multi_MNIST_DselectK.idx import read_idx
from datasets.Multi_MNIST_DselectK.overlay import CANVAS, PATCH, classes_of, lay_out, overlay
from datasets.Multi_MNIST_DselectK.pairs import IMAGES, LABELS
from datasets.Multi_MNIST_DselectK.splits import SPLITS, Split
from datasets.preparing.command import DataError, Parser, run_command
from datasets.preparing.fetch import RawFile, obtain
from datasets.preparing.publish import publish

HERE = Path(__file__).resolve().parent
SEED = 2022
BLOCK = 4096  # rows that are generated at once
Contents = Iterator[tuple[str, Iterator[bytes]]]


def prepare(
    output_dir: Path,
    raw_dir: Path | None = None,
    force: bool = False,
    source: str = "mnist",
    splits: Sequence[Split] = SPLITS,
) -> None:
    """Writes the prepared files, unless they exist already.

    Args:
        output_dir: folder of `train_all`, `valid_all` and `test_all`.
        raw_dir: folder of MNIST's files; None to download them.
        force: write the files even if they exist.
        source: `mnist`, or `paddlerec` for PaddleRec's archive, which allows no `raw_dir`.
        splits: the splits to prepare.

    Raises:
        DataError: a raw file is invalid, or an output file cannot be replaced.
        OSError: reading or writing failed.
    """
    if source == "paddlerec":
        if raw_dir is not None:
            raise DataError(
                "--source paddlerec: expected no raw folder (remove --raw_dir and RAW_DIR)"
            )
        recipe = {"source": source, "url": archive.address()}

        def contents() -> Contents:
            return _archived(archive.fetch_archive(HERE / "raw"), splits)
    else:
        raw = {file.name: file.sha256 for split in splits for file in split.raw}
        parts = [[split.name, split.first, split.last, split.rows] for split in splits]
        recipe = {"source": source, "raw": raw, "splits": parts, "seed": SEED}

        def contents() -> Contents:
            files = {file: obtain(file, HERE / "raw", raw_dir) for s in splits for file in s.raw}
            return _generated(files, splits)

    for name, output in publish(output_dir, recipe, contents, force).items():
        print(f"  {name}: {output['rows']} rows")


def _generated(files: dict[RawFile, Path], splits: Sequence[Split]) -> Contents:
    for number, split in enumerate(splits):
        images_of, labels_of = (files[raw] for raw in split.raw)
        images = read_idx(images_of, (None, PATCH, PATCH))
        classes = read_idx(labels_of, (len(images),))
        if split.last > len(images):
            raise DataError(f"{images_of}: {len(images)} images, expected {split.last}")
        images, classes = (part[split.first : split.last] for part in (images, classes))
        if classes.max() > 9:
            raise DataError(f"{labels_of}: label {classes.max()}, expected a digit 0 to 9")
        layout = lay_out(classes, split.rows, SEED, number)
        starts = range(0, split.rows, BLOCK)
        blocks = (overlay(images, layout.part(slice(at, at + BLOCK))) for at in starts)
        yield from _files(split, blocks, classes_of(classes, layout))


def _archived(path: Path, splits: Sequence[Split]) -> Contents:
    pairs = archive.read_archive(path, {split.name: split.rows for split in splits})
    for split, (images, labels) in zip(splits, pairs):
        yield from _files(split, iter((images,)), labels.astype(np.int32))


def _files(split: Split, images: Iterator[np.ndarray], labels: np.ndarray) -> Contents:
    """Yields the two files of a split: its images, which come in blocks, and its labels."""
    yield split.target + IMAGES, _npy("|u1", (split.rows, CANVAS, CANVAS), images)
    yield split.target + LABELS, _npy("<i4", (split.rows, 2), iter((labels,)))


def _npy(dtype: str, shape: tuple[int, ...], blocks: Iterator[np.ndarray]) -> Iterator[bytes]:
    """Yields an .npy file row by row; the header comes with the first row."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    prefix = header.getvalue()
    for block in blocks:
        for row in np.ascontiguousarray(block, dtype):
            yield prefix + row.tobytes()
            prefix = b""


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(
        prog="datasets.Multi_MNIST_DselectK.prepare",
        description=__doc__.split("\n")[0],
        allow_abbrev=False,
    )
    parser.add_preparation_options(HERE)
    parser.add_argument(
        "--source",
        choices=("mnist", "paddlerec"),
        default="mnist",
        help="overlay MNIST's digits, or use PaddleRec's archive (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    return run_command(
        lambda: prepare(options.output_dir, options.raw_dir, options.force, options.source)
    )


if __name__ == "__main__":
    sys.exit(main())
