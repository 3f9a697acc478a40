"""Ali-CCP: PaddleRec's prepared files, fetched, and read line by line before they are trusted.

    python -m datasets.ali_ccp.prepare [--raw_dir DIR] [--output_dir DIR] [--force]

makes in the output folder `train_all/train_data.csv` and `test_all/test_data.csv`: the lines of
PaddleRec's files in their order, without blank ones. `columns.py` says what a line is. Options:

    --raw_dir     folder that holds the raw files (default: the environment variable RAW_DIR;
                  without either they are downloaded, from ALI_CCP_URL if that is set)
    --output_dir  default: this folder
    --force       prepare anew even if the files are there

Nobody publishes a hash or a number of rows of these files. What can be checked is that they arrive
whole, that every line has the form, and that they hold fields of Ali-CCP; what cannot is shown:
rows, click and conversion rates, the largest id, and how many features the fields have.

Errors (one line, exit code 2; an earlier preparation stays as it was): a raw file that is missing
or cannot be fetched; a line of another form; nowhere to write.
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
# PaddleRec's bucket; the addresses have not been tried.
MIRRORS = ("https://paddlerec.bj.bcebos.com/esmm/{name}",)
FILES = {
    "train_all/train_data.csv": RawFile("traindata_10w.csv", None, MIRRORS, VARIABLE),
    "test_all/test_data.csv": RawFile("testdata_10w.csv", None, MIRRORS, VARIABLE),
}


def prepare(output_dir: Path, raw_dir: Path | None = None, force: bool = False) -> None:
    """Make the two files in `output_dir`, or say that they are there already.

    Args:
        output_dir: where `train_all` and `test_all` go.
        raw_dir: folder of the raw files, instead of a download.
        force: prepare anew even if the files are there.

    Raises:
        DataError: something about the raw files or the output folder is wrong.
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
    # Without a hash only the address tells one file from another.
    return HERE / "raw" / hashlib.sha256(raw.urls()[0].encode()).hexdigest()[:8]


def _origin(raw: RawFile, raw_dir: Path | None) -> list:
    """What files are made anew for: another address; or a file of another place, size or time."""
    if raw_dir is None:
        return raw.urls()
    for path in (raw_dir / raw.name, raw_dir / f"{raw.name}.gz"):
        if path.is_file():
            status = path.stat()
            return [os.fspath(path.resolve()), status.st_size, status.st_mtime_ns]
    return []


def _checked(path: Path, summary: Summary, remove: bool) -> Iterator[bytes]:
    """The file's lines; one that is none, if it is a download, is removed to be fetched again."""
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
    """Run the command; returns its exit code."""
    return run_preparation("datasets.ali_ccp.prepare", __doc__, HERE, prepare, arguments)


if __name__ == "__main__":
    sys.exit(main())
