"""Prepared files: written in a staging folder, moved into place whole, known by a manifest.

:func:`publish` is all that a `prepare.py` calls. A run that fails or is killed leaves the files of
an earlier one as they were, and the next run starts clean.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Callable, TypedDict

from datasets.preparing.command import DataError, exclusive, naming

HIDDEN = ".prepared"  # in the output folder: the manifest, and what is being made
MANIFEST = "manifest.json"
BLOCK = 1 << 20


class Output(TypedDict):
    """What the manifest says of a file; the hash is of its bytes."""

    rows: int
    sha256: str


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def publish(
    output_dir: Path,
    recipe: dict[str, Any],
    contents: Callable[[], Iterable[tuple[str, Iterable[bytes]]]],
    force: bool = False,
) -> dict[str, Output]:
    """Make the files in `output_dir`, or say that they are there already.

    Args:
        output_dir: where the files go; made if it is not there.
        recipe: what the files follow from, as JSON has it (hashes of the raw files, the columns).
            Files that are in place are made again if theirs was another.
        contents: called if there are files to make, and before `output_dir` is touched: the
            place to obtain the raw files. Returns names below `output_dir`, each with the rows of
            that file (a newline ends each), which are read one after the other.
        force: make them anew even if they are there.

    Returns:
        What the manifest says of each name.

    Raises:
        DataError: something that is no replaceable file is in the way, or `contents` raised it.
        OSError: reading or writing failed.
    """
    began = time.perf_counter()
    outputs = None if force else _published(output_dir, recipe)
    files = contents() if outputs is None else ()
    with _staging(output_dir) as stage:
        if outputs is None:
            outputs = {name: _write(stage / name, rows) for name, rows in files}
            manifest = json.dumps({**recipe, "outputs": outputs}, indent=1)
            (stage / MANIFEST).write_text(manifest + "\n", encoding="utf-8")
            _move(stage, output_dir, outputs)
            print(f"prepared in {time.perf_counter() - began:.1f} s: {output_dir}")
        else:
            print(f"already prepared (--force makes it again): {output_dir}")
    return outputs


def _published(output_dir: Path, recipe: dict[str, Any]) -> dict[str, Output] | None:
    """What the manifest says of the files, if it has this recipe and they are as it says."""
    try:
        manifest = json.loads((output_dir / HIDDEN / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(manifest, dict) or not recipe.items() <= manifest.items():
        return None
    for name, facts in manifest["outputs"].items():
        path = output_dir / name
        if not path.is_file() or sha256_of(path) != facts["sha256"]:
            return None
    return manifest["outputs"]


@contextlib.contextmanager
def _staging(output_dir: Path) -> Iterator[Path]:
    """An empty hidden folder on the same disk, held against other runs, removed at the end."""
    hidden = output_dir / HIDDEN
    hidden.mkdir(parents=True, exist_ok=True)
    with exclusive(hidden):
        stage = hidden / "new"
        if stage.exists():
            shutil.rmtree(stage)  # of a run that was killed
        stage.mkdir()
        try:
            yield stage
        finally:
            shutil.rmtree(stage)


def _write(path: Path, rows: Iterable[bytes]) -> Output:
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, count = hashlib.sha256(), 0
    with naming(path), path.open("wb") as file:
        for row in rows:
            file.write(row)
            digest.update(row)
            count += 1
        file.flush()
        os.fsync(file.fileno())  # whole on the disk before it is moved into place
    return {"rows": count, "sha256": digest.hexdigest()}


def _move(stage: Path, output_dir: Path, names: Collection[str]) -> None:
    """Put the finished files into place.

    Each rename is atomic, and whatever could make one fail is checked before the first. The
    manifest goes last: after a kill in between it does not fit, and the next run prepares anew.
    """
    for name in names:
        target = output_dir / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir() or not os.access(target.parent, os.W_OK):
            raise DataError(f"{target}: cannot be replaced")
    for name in names:
        (stage / name).replace(output_dir / name)
    (stage / MANIFEST).replace(output_dir / HIDDEN / MANIFEST)
