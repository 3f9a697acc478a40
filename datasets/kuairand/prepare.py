"""KuaiRand-Pure: the raw files become labels, dense numbers and ids that the models read.

    python -m datasets.kuairand.prepare [--raw_dir DIR] [--output_dir DIR] [--force]

makes in the output folder, split by date, in the order of the log:

    train_all/train_data.csv    25 to 30 April 2022: what a final model is trained on
    train_fit/train_data.csv    25 to 29 April: to choose settings on valid_all with
    valid_all/valid_data.csv    30 April, encoded with what was known on the 29th
    test_all/test_data.csv      1 to 8 May, encoded with what was known on 30 April
    vocabulary.csv              which id is which value, learned from 25 to 30 April alone

`columns.py` says what the columns are. Options:

    --raw_dir     folder that holds the raw files (default: the environment variable RAW_DIR;
                  without either they are downloaded, from KUAIRAND_URL if that is set)
    --output_dir  default: this file's folder
    --force       prepare anew even if the files are there

Errors (one line, exit code 2; an earlier preparation stays as it was): a raw file that is
missing, damaged or cannot be fetched; a user or video table of another SHA-256; a log without one
of the columns or days, or with users or videos that the tables lack; a cell that is no number
where one belongs; nowhere to write.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from datasets.kuairand import columns
from datasets.kuairand.columns import WIDTH
from datasets.kuairand.splits import SPLITS, VOCABULARY, contents_of
from datasets.preparing.command import run_preparation
from datasets.preparing.fetch import RawFile, obtain
from datasets.preparing.publish import publish
from datasets.preparing.raw_rows import open_text

HERE = Path(__file__).resolve().parent
MIRRORS = ("https://zenodo.org/records/10439422/files/KuaiRand-Pure.tar.gz",)

# Parts of the log are about, so no one hash is right; its rows are checked instead.
LOG = RawFile("log_standard_4_22_to_5_08_pure.csv", None, MIRRORS, "KUAIRAND_URL")
# Of the part that the README's figures are measured on.
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
    """Make the files in `output_dir`, or say that they are there already.

    Args:
        output_dir: where the folders and `vocabulary.csv` go.
        raw_dir: folder of the raw files, instead of a download.
        force: prepare anew even if the files are there.
        sources: the raw files; the official ones by default.

    Raises:
        DataError: something about the raw files or the output folder is wrong.
        OSError: reading or writing failed.
    """
    sources = sources or Sources()
    declared = {name: value for name, value in vars(columns).items() if name.isupper()}
    recipe = {
        "raw": {source.name: source.sha256 for source in (sources.users, sources.videos)},
        "columns": hashlib.sha256(repr((declared, SPLITS)).encode()).hexdigest(),
    }
    log_hash = _log_hash(sources.log, raw_dir)
    if log_hash:
        recipe["log"] = log_hash

    def contents() -> Iterator[tuple[str, Iterable[bytes]]]:
        paths = Sources(*(obtain(source, HERE / "raw", raw_dir) for source in sources))
        recipe["log"] = _log_hash(sources.log, raw_dir)  # now that it is here
        if recipe["log"] != KNOWN_LOG:
            print(
                f"{paths.log}: not the part of the log that the README's figures are of; "
                "its columns, days, users and videos are checked instead of its SHA-256",
                file=sys.stderr,
            )
        return contents_of(*paths)

    for name, output in publish(output_dir, recipe, contents, force).items():
        held = "ids" if name == VOCABULARY else f"rows of {WIDTH} columns"
        print(f"  {name}: {output['rows']} {held}")


def _log_hash(log: RawFile, raw_dir: Path | None) -> str | None:
    """SHA-256 of the log's content if the file is there: another log is another preparation."""
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
    """Run the command; returns its exit code."""
    return run_preparation("datasets.kuairand.prepare", __doc__, HERE, prepare, arguments)


if __name__ == "__main__":
    sys.exit(main())
