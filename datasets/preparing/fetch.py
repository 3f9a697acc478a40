"""Finds or downloads the raw files of a data set and verifies them.

A data set lists its :class:`RawFile` s and calls :func:`obtain` for each. The returned file is
complete and has the expected SHA-256. The hash is that of the decompressed content, because mirrors
compress the same file differently.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import posixpath
import sys
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.parse import urlsplit

from datasets.preparing.command import DataError, exclusive
from datasets.preparing.download import download
from datasets.readers import atomic_file

ARCHIVES = (".tar.gz", ".tgz")
BLOCK = 1 << 20


@dataclass(frozen=True)
class RawFile:
    """A file as its publisher made it.

    Attributes:
        name: its decompressed name, such as ``census-income.data``.
        sha256: hash of the decompressed content; None if nobody has published it. Then any complete
            file is accepted.
        mirrors: addresses, best first; ``{name}`` stands for the name. An address that ends in
            ``.tar.gz`` or ``.tgz`` is an archive that contains the file, one that ends in ``.gz``
            is the compressed file, any other is the file itself.
        variable: environment variable that replaces the mirrors. It is an address as above, or that
            of a folder: then ``/{name}.gz`` is added, or ``/{name}`` if the first mirror ends so.
    """

    name: str
    sha256: str | None
    mirrors: tuple[str, ...]
    variable: str

    def urls(self) -> list[str]:
        """Returns the addresses to try, in order.

        Raises:
            DataError: the environment variable has no http(s) address.
        """
        address = os.environ.get(self.variable)
        if not address:
            return [mirror.replace("{name}", self.name) for mirror in self.mirrors]
        if not address.startswith(("http://", "https://")):
            raise DataError(f"{self.variable}={address}: expected an http:// or https:// address")
        if "{name}" not in address and not urlsplit(address).path.endswith(ARCHIVES):
            plain = self.mirrors and self.mirrors[0].endswith("/{name}")
            address = address.rstrip("/") + ("/{name}" if plain else "/{name}.gz")
        return [address.replace("{name}", self.name)]


class Source(NamedTuple):
    """A raw file and its number of rows."""

    file: RawFile
    rows: int


def obtain(raw: RawFile, folder: Path, raw_dir: Path | None = None) -> Path:
    """Returns the path of a verified file ``NAME`` or ``NAME.gz``; ``raw_rows.py`` reads both.

    Args:
        raw: the file.
        folder: folder of the downloads; a valid file there is not downloaded again.
        raw_dir: folder with the user's own files. They are used instead of a download and are never
            changed.

    Raises:
        DataError: the file is missing, truncated, or has another hash.
    """
    if raw_dir is not None:
        for path in (raw_dir / raw.name, raw_dir / f"{raw.name}.gz"):
            if path.is_file():
                _verify(path, path.suffix == ".gz", raw, str(path))
                return path
        raise DataError(f"RAW_DIR {raw_dir}: no file {raw.name} or {raw.name}.gz there")
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder):
        for path in (folder / f"{raw.name}.gz", folder / raw.name):
            if path.is_file():
                try:
                    _verify(path, path.suffix == ".gz", raw, str(path))
                except DataError as problem:
                    print(f"{problem}; downloading it again", file=sys.stderr)
                else:
                    return path
        problems = []
        for url in raw.urls():
            try:
                return _fetch(raw, url, folder)
            except DataError as problem:
                problems.append(str(problem))
    raise DataError(f"cannot fetch {raw.name}: {'; '.join(problems)}")


def _fetch(raw: RawFile, url: str, folder: Path) -> Path:
    """Downloads a URL, verifies the file and renames it into place."""
    address = urlsplit(url).path
    file_name = posixpath.basename(address)
    # Mirrors compress differently, so a partial download belongs to one address.
    part = folder / f"{file_name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.part"
    if not address.endswith(ARCHIVES):
        download(url, part)
        compressed = address.endswith(".gz")
        with _removed_if_invalid(part):
            _verify(part, compressed, raw, url)
        return part.replace(folder / (f"{raw.name}.gz" if compressed else raw.name))

    archive = folder / file_name  # kept: it has the data set's other files too
    if not archive.exists():
        download(url, part)
        part.replace(archive)
    with _removed_if_invalid(archive), atomic_file.replacing(folder / raw.name) as extracted:
        _extract(archive, extracted, raw, url)
    return folder / raw.name


@contextlib.contextmanager
def _removed_if_invalid(path: Path) -> Iterator[None]:
    """Removes an invalid download, so that the next run downloads it again."""
    try:
        yield
    except DataError:
        path.unlink()
        raise


def _verify(path: Path, compressed: bool, raw: RawFile, origin: str) -> None:
    with gzip.open(path) if compressed else path.open("rb") as stream:
        _check_content(stream, raw, origin)


def _extract(archive: Path, target: Path, raw: RawFile, origin: str) -> None:
    """Writes the archive's member with the file's name, in any folder, to ``target``."""
    try:
        with tarfile.open(archive, "r|gz") as members:
            for member in members:
                if member.isfile() and posixpath.basename(member.name) == raw.name:
                    with target.open("wb") as copy:
                        _check_content(members.extractfile(member), raw, origin, copy)
                    return
    except (tarfile.TarError, EOFError, zlib.error) as exc:
        raise DataError(f"{origin}: truncated or damaged archive ({exc})") from exc
    raise DataError(f"{origin}: no member {raw.name} in the archive")


def _check_content(stream, raw: RawFile, origin: str, copy: BinaryIO | None = None) -> None:
    """Reads a stream to its end, copies it into ``copy``, and compares its SHA-256."""
    digest = hashlib.sha256()
    try:
        for block in iter(lambda: stream.read(BLOCK), b""):
            digest.update(block)
            if copy is not None:
                copy.write(block)
    except EOFError as exc:
        raise DataError(f"{origin}: truncated gzip file") from exc
    except (gzip.BadGzipFile, zlib.error) as exc:
        raise DataError(f"{origin}: damaged gzip file ({exc})") from exc
    if raw.sha256 is not None and digest.hexdigest() != raw.sha256:
        raise DataError(
            f"{origin}: sha256 of the decompressed content is {digest.hexdigest()}, "
            f"expected {raw.sha256} ({raw.name})"
        )
