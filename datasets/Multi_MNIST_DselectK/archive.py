"""Downloads and reads PaddleRec's prepared Multi-MNIST, an archive of three pickles.

Nobody publishes its hash, so its content is checked instead. There must be one member each for
training, validation and test set, identified by its name. Each is a pickle of two NumPy arrays of
the known sizes: images uint8 [n, 36, 36] and labels [n, 2] in 0..9. If you have a hash, set
MULTI_MNIST_SHA256.
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

# The presumed address in PaddleRec's bucket; nobody has tried it.
URL = "https://paddlerec.bj.bcebos.com/datasets/Multi_MNIST_DselectK/Multi_MNIST_DselectK.tar.gz"
VARIABLE, SHA256 = "MULTI_MNIST_URL", "MULTI_MNIST_SHA256"
# The exceptions of a damaged or encrypted archive.
DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)
UNREADABLE = (*DAMAGE, RuntimeError, NotImplementedError)


def address() -> str:
    """Returns the address of the archive.

    Raises:
        DataError: MULTI_MNIST_URL has no http(s) address.
    """
    url = os.environ.get(VARIABLE) or URL
    if not url.startswith(("http://", "https://")):
        raise DataError(f"{VARIABLE}={url}: expected an http:// or https:// address")
    return url


def fetch_archive(folder: Path) -> Path:
    """Returns the path of the archive, which is downloaded if it does not exist.

    Args:
        folder: folder of the downloads.

    Raises:
        DataError: the archive cannot be downloaded, or its hash is not MULTI_MNIST_SHA256.
    """
    url = address()
    # There is no hash, so the address identifies the archive.
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
                    "of data from MNIST's files"
                ) from exc
            part.replace(archive)
        sha256 = sha256_of(archive)
        expected = os.environ.get(SHA256)
        if expected and sha256 != expected.strip().lower():
            archive.unlink()
            raise DataError(f"{url}: sha256 is {sha256}, expected {expected} ({SHA256})")
        print(f"{url}: sha256 is {sha256}", file=sys.stderr)
    return archive


def read_archive(archive: Path, sizes: dict[str, int]) -> Iterator[Pairs]:
    """Yields images and labels of each split, in the order of ``sizes``.

    Args:
        archive: a zip or tar file, compressed or not. An invalid archive is removed, so that the
            next run downloads it again.
        sizes: number of rows of each split, by a word that its file's name or folder contains.

    Raises:
        DataError: the archive is damaged, or its content is not as described in this module.
    """
    try:
        with contextlib.ExitStack() as stack:
            if zipfile.is_zipfile(archive):
                members = stack.enter_context(zipfile.ZipFile(archive))
                names, opened = members.namelist(), members.open
            else:
                members = stack.enter_context(tarfile.open(archive))
                files = [member for member in members if member.isfile()]
                names = [member.name for member in files]
                # A link in the archive may have the same name, so files are opened as members.
                opened = partial(_open_member, members, files)
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
    """Returns the member of each split, identified by its file's name or by its folders."""
    files = [
        name
        for name in names
        # macOS adds hidden files and the folder __MACOSX.
        if not name.endswith("/") and not re.search(r"(^|/)(\.[^/.]|__MACOSX/)", name)
    ]
    for part_of in (posixpath.basename, posixpath.dirname):
        matches = [[name for name in files if word in part_of(name).lower()] for word in words]
        if all(len(members) == 1 for members in matches):
            return [members[0] for members in matches]
    listed = ", ".join(files[:8]) or "none"
    raise DataError(f"{archive}: expected one file each of {', '.join(words)}; its files: {listed}")
