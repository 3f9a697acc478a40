"""Writes prepared files into a staging folder, moves them into place and records a manifest.

A ``prepare.py`` calls :func:`publish`. A run that fails or is killed leaves the files of an earlier
run unchanged, and the next run starts from an empty staging folder.
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

from datasets.preparing import progress
from datasets.preparing.command import DataError, exclusive
from datasets.preparing.fetch import RawFile
from datasets.readers.atomic_file import naming

HIDDEN = ".prepared"  # folder of the manifest and of the staging folder
MANIFEST = "manifest.json"
BLOCK = 1 << 20
_ROWS = 1000  # between two updates of the progress


class Output(TypedDict):
    """The manifest's entry of a file: number of rows and hash of its bytes."""

    rows: int
    sha256: str


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def recipe_of(files: Iterable[RawFile], settings: object) -> dict[str, Any]:
    """Returns the recipe of files that follow from raw files and from settings.

    Args:
        files: the raw files whose hash is known.
        settings: the columns and other constants, whose ``repr`` is hashed.
    """
    return {
        "raw": {file.name: file.sha256 for file in files},
        "columns": hashlib.sha256(repr(settings).encode()).hexdigest(),
    }


def publish(
    output_dir: Path,
    recipe: dict[str, Any],
    contents: Callable[[], Iterable[tuple[str, Iterable[bytes]]]],
    force: bool = False,
) -> dict[str, Output]:
    """Writes the prepared files, unless they exist already.

    Args:
        output_dir: folder of the files; it is created if necessary.
        recipe: everything that the files follow from, as JSON: hashes of the raw files, columns.
            Existing files with another recipe are written again.
        contents: called only if files must be written, before ``output_dir`` is changed: it obtains
            the raw files. Returns names in ``output_dir`` and the rows of each file. A row ends
            with a newline. The files are read one after the other.
        force: write the files even if they exist.

    Returns:
        The manifest's entry of each name.

    Raises:
        DataError: a file cannot be replaced, or ``contents`` raised it.
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
            print(f"already prepared (--force prepares it again): {output_dir}")
    return outputs


def _published(output_dir: Path, recipe: dict[str, Any]) -> dict[str, Output] | None:
    """Returns the manifest's entries if the recipe is the same and no file has changed."""
    try:
        manifest = json.loads((output_dir / HIDDEN / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(manifest, dict) or not recipe.items() <= manifest.items():
        return None
    for name, output in manifest["outputs"].items():
        path = output_dir / name
        if not path.is_file() or sha256_of(path) != output["sha256"]:
            return None
    return manifest["outputs"]


@contextlib.contextmanager
def _staging(output_dir: Path) -> Iterator[Path]:
    """Yields an empty folder on the same disk, locked against other runs and removed at the end."""
    hidden = output_dir / HIDDEN
    hidden.mkdir(parents=True, exist_ok=True)
    with exclusive(hidden):
        stage = hidden / "new"
        if stage.exists():
            shutil.rmtree(stage)  # a killed run left it
        stage.mkdir()
        try:
            yield stage
        finally:
            shutil.rmtree(stage)


def _write(path: Path, rows: Iterable[bytes]) -> Output:
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, count = hashlib.sha256(), 0
    with (
        naming(path),
        path.open("wb") as file,
        progress.shown(f"writing {path.parent.name}/{path.name}") as advance,
    ):
        for row in rows:
            file.write(row)
            digest.update(row)
            count += 1
            if count % _ROWS == 0:
                advance(_ROWS)
        file.flush()
        os.fsync(file.fileno())  # on the disk before it is moved into place
    return {"rows": count, "sha256": digest.hexdigest()}


def _move(stage: Path, output_dir: Path, names: Collection[str]) -> None:
    """Moves the complete files into place.

    Each rename is atomic, and the reasons why it could fail are checked before the first one. The
    manifest is moved last: if the run is killed before, the next run prepares the files again.
    """
    for name in names:
        target = output_dir / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir() or not os.access(target.parent, os.W_OK):
            raise DataError(f"{target}: cannot be replaced (is it a folder, or not writable?)")
    for name in names:
        (stage / name).replace(output_dir / name)
    (stage / MANIFEST).replace(output_dir / HIDDEN / MANIFEST)
