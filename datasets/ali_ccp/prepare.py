"""Prepares Ali-CCP: downloads PaddleRec's prepared files and checks every line.

    python -m datasets.ali_ccp.prepare [--raw_dir DIR] [--output_dir DIR] [--force]

writes `train_all/train_data.csv` and `test_all/test_data.csv` into the output folder. They have the
lines of PaddleRec's files in their order, without blank lines. `columns.py` describes a line.
Options:

    --raw_dir     folder of the raw files (default: the environment variable RAW_DIR; if neither is
                  set, they are downloaded, from ALI_CCP_URL if it is set)
    --output_dir  folder of the prepared files (default: this folder)
    --force       prepare again, even if the files exist

Nobody publishes a hash or a number of rows of these files. The command checks that they are
complete, that every line has the format, and that they have fields of Ali-CCP. It prints the rest
for your own check: rows, click and conversion rates, the largest id, and features of each field.

Errors (one line, exit code 2; earlier files stay unchanged): a raw file is missing or cannot be
downloaded; a line has another format; a file cannot be written.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from datasets.ali_ccp.lines import parsed_blocks
from datasets.ali_ccp.summary import KEPT, Summary
from datasets.preparing.command import DataError, run_preparation
from datasets.preparing.fetch import RawFile, obtain
from datasets.preparing.publish import publish

HERE = Path(__file__).resolve().parent
VARIABLE = "ALI_CCP_URL"
# PaddleRec's bucket; nobody has tried these addresses.
MIRRORS = ("https://paddlerec.bj.bcebos.com/esmm/{name}",)
FILES = {
    "train_all/train_data.csv": RawFile("traindata_10w.csv", None, MIRRORS, VARIABLE),
    "test_all/test_data.csv": RawFile("testdata_10w.csv", None, MIRRORS, VARIABLE),
}


def prepare(output_dir: Path, raw_dir: Path | None = None, force: bool = False) -> None:
    """Writes the prepared files, unless they exist already.

    Args:
        output_dir: folder of `train_all` and `test_all`.
        raw_dir: folder of the raw files; None to download them.
        force: write the files even if they exist.

    Raises:
        DataError: a raw file is invalid, or an output file cannot be replaced.
        OSError: reading or writing failed.
    """
    summaries: dict[str, Summary] = {}

    def contents() -> Iterator[tuple[str, Iterable[bytes]]]:
        paths = [obtain(raw, _download_folder(raw), raw_dir) for raw in FILES.values()]
        for name, path in zip(FILES, paths):
            summaries[name] = Summary()
            yield name, _checked(path, summaries[name], remove=raw_dir is None)

    recipe = {"raw": {raw.name: _origin(raw, raw_dir) for raw in FILES.values()}}
    for name, output in publish(output_dir, recipe, contents, force).items():
        print(f"  {name}: {output['rows']} lines, sha256 {output['sha256']}")
        for line in summaries[name].report() if name in summaries else ():
            print(f"    {line}")


def _download_folder(raw: RawFile) -> Path:
    # There is no hash, so the address identifies the file.
    return HERE / "raw" / hashlib.sha256(raw.urls()[0].encode()).hexdigest()[:8]


def _origin(raw: RawFile, raw_dir: Path | None) -> list:
    """Returns what identifies a raw file: its addresses, or its path, size and time of change."""
    if raw_dir is None:
        return raw.urls()
    for path in (raw_dir / raw.name, raw_dir / f"{raw.name}.gz"):
        if path.is_file():
            status = path.stat()
            return [os.fspath(path.resolve()), status.st_size, status.st_mtime_ns]
    return []


def _checked(path: Path, summary: Summary, remove: bool) -> Iterator[bytes]:
    """Yields the file's lines; removes an invalid download, so that it is fetched again."""
    try:
        for block, rows in parsed_blocks(os.fspath(path), KEPT):
            summary.add(rows)
            yield from (line + b"\n" for line in block.split(b"\n") if line.strip())
        summary.check(path)
    except ValueError as exc:
        if remove:
            path.unlink()
        raise DataError(str(exc)) from exc


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return run_preparation("datasets.ali_ccp.prepare", __doc__, HERE, prepare, arguments)


if __name__ == "__main__":
    sys.exit(main())
