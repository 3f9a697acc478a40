"""PaddleRec's prepared Multi-MNIST: an archive of three pickles, fetched and read.

Nobody publishes a hash of it, so its content is checked instead: exactly one member each for
training, validation and testing, told apart by their names; each a pickle of two numpy arrays and
nothing else, images uint8 [n, 36, 36] and labels [n, 2] in 0..9, of the sizes that are known. Who
has a hash sets MULTI_MNIST_SHA256.
"""

from __future__ import annotations

import contextlib
import hashlib
import lzma
import os
import posixpath
import re
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from datasets.Multi_MNIST_DselectK.pairs import Pairs, from_pickle
from datasets.preparing.command import DataError, exclusive
from datasets.preparing.download import download
from datasets.preparing.publish import sha256_of

# A guess at its place in PaddleRec's bucket; it has not been tried.
URL = "https://paddlerec.bj.bcebos.com/datasets/Multi_MNIST_DselectK/Multi_MNIST_DselectK.tar.gz"
VARIABLE, SHA256 = "MULTI_MNIST_URL", "MULTI_MNIST_SHA256"
# Of a damaged or encrypted archive.
DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)
UNREADABLE = (*DAMAGE, RuntimeError, NotImplementedError)


def address() -> str:
    """Where the archive is.

    Raises:
        DataError: MULTI_MNIST_URL holds no http(s) address.
    """
    url = os.environ.get(VARIABLE) or URL
    if not url.startswith(("http://", "https://")):
        raise DataError(f"{VARIABLE}={url}: expected an http:// or https:// address")
    return url


def fetch_archive(folder: Path) -> Path:
    """The archive; one that is there already is not fetched again.

    Args:
        folder: where downloads are kept.

    Raises:
        DataError: it cannot be fetched, or MULTI_MNIST_SHA256 is another's.
    """
    url = address()
    # Without a hash only the address tells one archive from another.
    key = hashlib.sha256(url.encode()).hexdigest()[:8]
    name = posixpath.basename(urlsplit(url).path) or "archive"
    archive = folder / f"{key}-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder):
        if not archive.exists():
            part = folder / f"{name}.{key}.part"
            try:
                download(url, part)
            except DataError as exc:
                raise DataError(
                    f"cannot fetch PaddleRec's archive: {exc}; --source mnist makes the same kind "
                    "of data from MNIST's own files"
                ) from exc
            part.replace(archive)
        found = sha256_of(archive)
        expected = os.environ.get(SHA256)
        if expected and found != expected.strip().lower():
            archive.unlink()
            raise DataError(f"{url}: sha256 is {found}, expected {expected} ({SHA256})")
        print(f"{url}: sha256 is {found}", file=sys.stderr)
    return archive


def read_archive(archive: Path, sizes: dict[str, int]) -> Iterator[Pairs]:
    """Images and labels of each split, in the order of `sizes`.

    Args:
        archive: a zip file or a tar file, compressed or not; removed if it cannot be used, so
            that the next run starts clean.
        sizes: for each split, what its file's name or folder contains, and its number of rows.

    Raises:
        DataError: the archive is damaged, or its content not what this module's text says.
    """
    try:
        with contextlib.ExitStack() as stack:
            if zipfile.is_zipfile(archive):
                members = stack.enter_context(zipfile.ZipFile(archive))
                names, opened = members.namelist(), members.open
            else:
                members = stack.enter_context(tarfile.open(archive))
                found = [member for member in members if member.isfile()]
                names = [member.name for member in found]
                # By itself and not by its name, which a link in the archive may have as well.
                opened = partial(_open_member, members, found)
            for name, rows in zip(_members(names, list(sizes), archive), sizes.values()):
                origin = f"{archive}: {name}"
                with opened(name) as stream:
                    pairs = from_pickle(stream, origin)
                if len(pairs[0]) != rows:
                    raise DataError(f"{origin}: {len(pairs[0])} rows, expected {rows}")
                yield pairs
    except (*UNREADABLE, ValueError, DataError) as exc:
        archive.unlink(missing_ok=True)
        if isinstance(exc, UNREADABLE):
            raise DataError(f"{archive}: damaged, or no archive ({exc})") from exc
        raise DataError(str(exc)) from exc


def _open_member(archive: tarfile.TarFile, files: Sequence[tarfile.TarInfo], name: str) -> IO:
    return archive.extractfile(next(member for member in files if member.name == name))


def _members(names: Sequence[str], words: Sequence[str], archive: Path) -> list[str]:
    """The one member of each split: by its file's name, or else by its folders'."""
    files = [
        name
        for name in names
        # What macOS adds is hidden, or in a folder of its own.
        if not name.endswith("/") and not re.search(r"(^|/)(\.[^/.]|__MACOSX/)", name)
    ]
    for shown in (posixpath.basename, posixpath.dirname):
        found = [[name for name in files if word in shown(name).lower()] for word in words]
        if all(len(members) == 1 for members in found):
            return [members[0] for members in found]
    listed = ", ".join(files[:8]) or "none"
    raise DataError(f"{archive}: expected one file each of {', '.join(words)}; its files: {listed}")
