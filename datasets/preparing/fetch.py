"""Raw files of the data sets: fetched or already the user's own, and verified.

A data set lists its :class:`RawFile` s and calls :func:`obtain` for each. What comes back has been
read to its end and has the expected SHA-256, so a `prepare.py` can trust every row of it. The
hash is that of the decompressed content, because mirrors compress the same file differently.
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

from datasets.preparing.command import DataError, exclusive, naming
from datasets.preparing.download import download

ARCHIVES = (".tar.gz", ".tgz")
BLOCK = 1 << 20


@dataclass(frozen=True)
class RawFile:
    """One file as its publisher made it.

    Attributes:
        name: its decompressed name, such as `census-income.data`.
        sha256: of the decompressed content; None where nobody has published it, and a file is taken
            that is whole.
        mirrors: addresses, best first. `{name}` stands for the name. An address that ends in
            `.tar.gz` or `.tgz` is an archive with this file somewhere in it, one that ends in
            `.gz` is compressed, any other is the file itself.
        variable: environment variable that replaces the mirrors: such an address, or a folder's,
            to which `/{name}.gz` is added, or `/{name}` where the first mirror ends so.
    """

    name: str
    sha256: str | None
    mirrors: tuple[str, ...]
    variable: str

    def urls(self) -> list[str]:
        """Addresses to try, in order.

        Raises:
            DataError: the environment variable holds no http(s) address.
        """
        own = os.environ.get(self.variable)
        if not own:
            return [mirror.replace("{name}", self.name) for mirror in self.mirrors]
        if not own.startswith(("http://", "https://")):
            raise DataError(f"{self.variable}={own}: expected an http:// or https:// address")
        if "{name}" not in own and not urlsplit(own).path.endswith(ARCHIVES):
            plain = self.mirrors and self.mirrors[0].endswith("/{name}")
            own = own.rstrip("/") + ("/{name}" if plain else "/{name}.gz")
        return [own.replace("{name}", self.name)]


class Source(NamedTuple):
    """A raw file and how many rows it has."""

    file: RawFile
    rows: int


def obtain(raw: RawFile, folder: Path, raw_dir: Path | None = None) -> Path:
    """Verified path of `NAME` or `NAME.gz`; ``raw_rows.py`` reads either.

    Args:
        raw: which file.
        folder: where downloads are kept; a good file that is there is not fetched again.
        raw_dir: folder of the user's own files, used instead of any download and never written.

    Raises:
        DataError: the file is missing, truncated, or not the one expected, wherever it came from.
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
                    print(f"{problem}; fetching it again", file=sys.stderr)
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
    """Download `url`, and rename what it holds into place once it is verified."""
    address = urlsplit(url).path
    file_name = posixpath.basename(address)
    # Mirrors compress differently: a partial download continues at its own address alone.
    part = folder / f"{file_name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.part"
    if not address.endswith(ARCHIVES):
        download(url, part)
        compressed = address.endswith(".gz")
        with _removed_if_wrong(part):
            _verify(part, compressed, raw, url)
        return part.replace(folder / (f"{raw.name}.gz" if compressed else raw.name))

    archive = folder / file_name  # kept: the data set's other files are in it too
    if not archive.exists():
        download(url, part)
        part.replace(archive)
    target, extracted = folder / raw.name, folder / f"{raw.name}.part"
    try:
        with _removed_if_wrong(archive):
            _extract(archive, extracted, raw, url)
        return extracted.replace(target)
    finally:
        extracted.unlink(missing_ok=True)


@contextlib.contextmanager
def _removed_if_wrong(path: Path) -> Iterator[None]:
    """A download whose content is wrong goes, so that the next run starts clean."""
    try:
        yield
    except DataError:
        path.unlink()
        raise


def _verify(path: Path, compressed: bool, raw: RawFile, origin: str) -> None:
    with gzip.open(path) if compressed else path.open("rb") as stream:
        _check_content(stream, raw, origin)


def _extract(archive: Path, target: Path, raw: RawFile, origin: str) -> None:
    """Write the archive's member of that name, in whichever folder, to `target`."""
    try:
        with tarfile.open(archive, "r|gz") as members:
            for member in members:
                if member.isfile() and posixpath.basename(member.name) == raw.name:
                    with naming(target), target.open("wb") as copy:
                        _check_content(members.extractfile(member), raw, origin, copy)
                    return
    except (tarfile.TarError, EOFError, zlib.error) as exc:
        raise DataError(f"{origin}: truncated or damaged archive ({exc})") from exc
    raise DataError(f"{origin}: no member {raw.name} in the archive")


def _check_content(stream, raw: RawFile, origin: str, copy: BinaryIO | None = None) -> None:
    """Read `stream` to its end, into `copy` if given, and compare its SHA-256."""
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
