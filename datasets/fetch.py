"""Raw files of the data sets: download, resume, verify, or take what the user already has.

A data set lists its :class:`RawFile` s and calls :func:`obtain` for each. What comes back has been
read to its end and has the expected SHA-256, so a `prepare.py` can trust every row of it. The
hash is that of the decompressed content, because mirrors compress the same file differently.

The rest of the module is what every data command shares: :class:`Parser`, :func:`run_command`
and :class:`DataError` (one `error: ` line, exit code 2), and :func:`exclusive` (a lock).
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import gzip
import hashlib
import os
import posixpath
import sys
import tarfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Callable, NoReturn, TextIO
from urllib.parse import urlsplit

import httpx

ARCHIVES = (".tar.gz", ".tgz")
TIMEOUT = httpx.Timeout(30.0, connect=10.0)  # seconds without a byte, and to be answered at all
PAUSES = (0.5, 1.0, 2.0)  # seconds before each new try; a try that got further starts over
BLOCK = 1 << 20


class DataError(Exception):
    """Input that cannot be used; its text is the one line that the person reads."""


class Parser(argparse.ArgumentParser):
    """Options of a data command; a wrong one is a single `error: ` line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, without the usage text."""
        print(f"error: {message}", file=sys.stderr)
        raise SystemExit(2)


def run_command(work: Callable[[], object]) -> int:
    """Exit code of a data command: 0, or 2 after one `error: ` line that says what was wrong."""
    try:
        work()
    except DataError as exc:
        problem = str(exc)
    except OSError as exc:
        problem = f"{exc.filename}: {exc.strerror or exc}" if exc.filename else str(exc)
    except KeyboardInterrupt:
        problem = "interrupted; what was there before is unchanged"
    else:
        return 0
    print(f"error: {problem}", file=sys.stderr)
    return 2


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Python names no file when a write fails (a full disk); the person needs the name."""
    try:
        yield
    except OSError as exc:
        exc.filename = exc.filename or str(path)
        raise


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold `folder` against other runs, and wait for one that has it. Ends with the process."""
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another run that uses {folder}", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class RawFile:
    """One file as its publisher made it.

    Attributes:
        name: its decompressed name, such as `census-income.data`.
        sha256: of the decompressed content.
        mirrors: addresses, best first. `{name}` stands for the name. An address that ends in
            `.tar.gz` or `.tgz` is an archive with this file somewhere in it, one that ends in
            `.gz` is compressed, any other is the file itself.
        variable: environment variable that replaces the mirrors: such an address, or a folder's,
            to which `/{name}.gz` is added.
    """

    name: str
    sha256: str
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
            own = own.rstrip("/") + "/{name}.gz"
        return [own.replace("{name}", self.name)]


def obtain(raw: RawFile, folder: Path, raw_dir: Path | None = None) -> Path:
    """Verified path of `NAME` or `NAME.gz`; :func:`open_text` reads either.

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


def open_text(path: Path) -> TextIO:
    """Text stream of a file that :func:`obtain` returned."""
    opener = gzip.open if path.suffix == ".gz" else open
    return opener(path, "rt", encoding="ascii", errors="backslashreplace", newline="\n")


def _fetch(raw: RawFile, url: str, folder: Path) -> Path:
    """Download `url`, and rename what it holds into place once it is verified."""
    address = urlsplit(url).path
    file_name = posixpath.basename(address)
    # Mirrors compress differently: a partial download continues at its own address alone.
    part = folder / f"{file_name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.part"
    if not address.endswith(ARCHIVES):
        _download(url, part)
        compressed = address.endswith(".gz")
        with _removed_if_wrong(part):
            _verify(part, compressed, raw, url)
        return part.replace(folder / (f"{raw.name}.gz" if compressed else raw.name))

    archive = folder / file_name  # kept: the data set's other files are in it too
    if not archive.exists():
        _download(url, part)
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
    if digest.hexdigest() != raw.sha256:
        raise DataError(
            f"{origin}: sha256 of the decompressed content is {digest.hexdigest()}, "
            f"expected {raw.sha256} ({raw.name})"
        )


def _download(url: str, part: Path) -> None:
    """Fetch all of `url` into `part`, going on from the bytes that are already there."""
    print(f"fetching {url}", file=sys.stderr)
    pauses = iter(PAUSES)
    with httpx.Client(follow_redirects=True, timeout=TIMEOUT) as client:
        while True:
            have = part.stat().st_size if part.exists() else 0
            try:
                problem = _continue(client, url, part, have)
            except httpx.TransportError as exc:
                problem = str(exc) or type(exc).__name__
            except (httpx.HTTPError, httpx.InvalidURL) as exc:
                raise DataError(f"{url}: {exc}") from exc
            if problem is None:
                return
            if part.exists() and part.stat().st_size > have:
                pauses = iter(PAUSES)
            pause = next(pauses, None)
            if pause is None:
                raise DataError(f"{url}: {problem}")
            print(f"{problem}; trying again", file=sys.stderr)
            time.sleep(pause)


def _continue(client: httpx.Client, url: str, part: Path, have: int) -> str | None:
    """One request. Returns None when `part` is complete, else why to try again."""
    # Identity: a transfer encoding on top of the .gz would make byte ranges meaningless.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with client.stream("GET", url, headers=headers) as response:
        status, span = response.status_code, response.headers.get("Content-Range", "")
        if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            if span == f"bytes */{have}":
                return None  # an earlier run got all of it
            part.unlink()
            return f"HTTP 416 with {have} bytes here"
        if status >= 500 or status in (408, 429):
            return f"HTTP {status}"
        if status == httpx.codes.PARTIAL_CONTENT and have:
            if not span.startswith(f"bytes {have}-"):
                part.unlink()
                return f"asked for bytes from {have}, was sent {span or 'no Content-Range'}"
        elif status == httpx.codes.OK:
            have = 0  # the server sends everything, whatever was asked
        else:
            raise DataError(f"{url}: HTTP {status}")
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        with (
            naming(part),
            part.open("ab" if have else "wb") as file,
            _progress(part, total, have) as advance,
        ):
            for block in response.iter_raw():
                file.write(block)
                advance(len(block))
    return None


@contextlib.contextmanager
def _progress(part: Path, total: int | None, have: int) -> Iterator[Callable[[int], object]]:
    """A progress line, for a human only."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from tqdm import tqdm  # a person who brings the files, or a log, needs none

    label = part.name.rsplit(".", 2)[0]
    with tqdm(desc=label, total=total, initial=have, unit="B", unit_scale=True) as bar:
        yield bar.update
