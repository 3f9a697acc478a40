"""Prepares KuaiRand-Pure: files of labels, dense numbers, histories and ids, split by date.

    python -m datasets.kuairand.prepare [--raw_dir DIR] [--output_dir DIR] [--force]

writes these files into the output folder, each in the order of the log:

    train_all/train_data.csv    25 to 30 April 2022: training set of a final model
    train_fit/train_data.csv    25 to 29 April: training set for choosing settings on valid_all
    valid_all/valid_data.csv    30 April, with the vocabulary of 25 to 29 April
    test_all/test_data.csv      1 to 8 May, with the vocabulary of 25 to 30 April
    vocabulary.csv              the values of the ids, from 25 to 30 April
    days_all/2022-04-25.csv     and 13 more: each day as a table of raw values with column names

`columns.py` lists the columns; those of days_all are named in its files. Options:

    --raw_dir     folder of the raw files (default: the environment variable RAW_DIR; if neither is
                  set, they are downloaded, from KUAIRAND_URL if it is set)
    --output_dir  folder of the prepared files (default: this folder)
    --force       prepare again, even if the files exist

Errors (one line, exit code 2; earlier files stay unchanged): a raw file is missing, damaged or
cannot be downloaded; the user or video table has another SHA-256; the log lacks a column or a day,
or has users or videos that the tables lack; a cell is not a number; a file cannot be written.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from datasets.kuairand import columns
from datasets.kuairand.columns import WIDTH
from datasets.kuairand.days import FOLDER, HEADER
from datasets.kuairand.splits import SPLITS, VOCABULARY, contents_of
from datasets.preparing.command import run_preparation
from datasets.preparing.fetch import RawFile, obtain
from datasets.preparing.publish import publish, recipe_of
from datasets.preparing.raw_rows import open_text

HERE = Path(__file__).resolve().parent
MIRRORS = ("https://zenodo.org/records/10439422/files/KuaiRand-Pure.tar.gz",)

# Several parts of the log are in circulation, so no single hash is right; the rows are checked.
LOG = RawFile("log_standard_4_22_to_5_08_pure.csv", None, MIRRORS, "KUAIRAND_URL")
# The hash of the part that the README's results are measured on.
KNOWN_LOG = "0e8208ebc53a4e6b00a3d55f465daa966abf4a03d8f4e1466f31ebf072001d65"
USERS = RawFile(
    "user_features_pure.csv",
    "dc729a656301b4c6d07f713fe41d05ec9bfaab670b90e531c70037caf033c011",
    MIRRORS,
    "KUAIRAND_URL",
)
VIDEOS = RawFile(
    "video_features_basic_pure.csv",
    "a6f7ee02684c5777422306cdc416e170302288aa89aca9dfea995edbd625bcc2",
    MIRRORS,
    "KUAIRAND_URL",
)


class Sources(NamedTuple):
    """The raw files."""

    log: RawFile = LOG
    users: RawFile = USERS
    videos: RawFile = VIDEOS


def prepare(
    output_dir: Path,
    raw_dir: Path | None = None,
    force: bool = False,
    sources: Sources | None = None,
) -> None:
    """Writes the prepared files, unless they exist already.

    Args:
        output_dir: folder of the prepared folders and of `vocabulary.csv`.
        raw_dir: folder of the raw files; None to download them.
        force: write the files even if they exist.
        sources: the raw files; the official ones by default.

    Raises:
        DataError: a raw file is invalid, or an output file cannot be replaced.
        OSError: reading or writing failed.
    """
    sources = sources or Sources()
    declared = {name: value for name, value in vars(columns).items() if name.isupper()}
    recipe = recipe_of((sources.users, sources.videos), (declared, SPLITS))
    log_hash = _log_hash(sources.log, raw_dir)
    if log_hash:
        recipe["log"] = log_hash

    def contents() -> Iterator[tuple[str, Iterable[bytes]]]:
        paths = Sources(*(obtain(source, HERE / "raw", raw_dir) for source in sources))
        recipe["log"] = _log_hash(sources.log, raw_dir)  # after the download
        if recipe["log"] != KNOWN_LOG:
            print(
                f"{paths.log}: this is another part of the log than that of the README's results; "
                "its columns, days, users and videos are checked instead of its SHA-256",
                file=sys.stderr,
            )
        return contents_of(*paths)

    for name, output in publish(output_dir, recipe, contents, force).items():
        rows, unit = output["rows"], f"rows of {WIDTH} columns"
        if name == VOCABULARY:
            unit = "ids"
        elif name.startswith(FOLDER):
            rows, unit = rows - 1, f"rows of {len(HEADER)} named columns"
        print(f"  {name}: {rows} {unit}")


def _log_hash(log: RawFile, raw_dir: Path | None) -> str | None:
    """Returns the SHA-256 of the log's content, or None if the file does not exist."""
    folder = raw_dir or HERE / "raw"
    for path in (folder / log.name, folder / f"{log.name}.gz"):
        if path.is_file():
            digest = hashlib.sha256()
            with open_text(path) as stream:
                for block in iter(lambda: stream.buffer.read(1 << 20), b""):
                    digest.update(block)
            return digest.hexdigest()
    return None


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return run_preparation("datasets.kuairand.prepare", __doc__, HERE, prepare, arguments)


if __name__ == "__main__":
    sys.exit(main())
