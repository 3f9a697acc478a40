"""Downloads a URL into a file; continues a partial download and retries a few times."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import httpx

from datasets.preparing import progress
from datasets.preparing.command import DataError
from datasets.readers.atomic_file import naming, no_link

TIMEOUT = httpx.Timeout(30.0, connect=10.0)  # seconds: without a byte; until connected
PAUSES = (0.5, 1.0, 2.0)  # seconds before each retry; progress starts the list again


def download(url: str, part: Path) -> None:
    """Downloads ``url`` into ``part`` and continues after the bytes that ``part`` already has.

    A broken connection or a busy server is retried after each of ``PAUSES``. A partial download
    stays in ``part`` for the next run.

    Args:
        url: http(s) address; redirects are followed.
        part: file ``NAME.KEY.part`` of bytes from ``url``; the progress line shows NAME.

    Raises:
        DataError: the address cannot be used, or the last retry failed.
        OSError: ``part`` cannot be written.
    """
    print(f"downloading {url}", file=sys.stderr)
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
            print(f"{problem}; retrying in {pause} s", file=sys.stderr)
            time.sleep(pause)


def _continue(client: httpx.Client, url: str, part: Path, have: int) -> str | None:
    """Sends one request; returns None if ``part`` is complete, otherwise the reason to retry."""
    # identity: with a compressed transfer, byte ranges would not match the bytes of the file.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with client.stream("GET", url, headers=headers) as response:
        status, span = response.status_code, response.headers.get("Content-Range", "")
        if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            if span == f"bytes */{have}":
                return None  # an earlier run downloaded everything
            part.unlink()
            return f"HTTP 416 for a partial download of {have} bytes"
        if status >= 500 or status in (408, 429):
            return f"HTTP {status}"
        if status == httpx.codes.PARTIAL_CONTENT and have:
            if not span.startswith(f"bytes {have}-"):
                part.unlink()
                return f"expected bytes from {have}, found {span or 'no Content-Range'}"
        elif status == httpx.codes.OK:
            have = 0  # the server ignores the range and sends everything
        else:
            raise DataError(f"{url}: HTTP {status}")
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        with (
            naming(part),
            open(part, "ab" if have else "wb", opener=no_link) as file,
            progress.shown(part.name.rsplit(".", 2)[0], total, "B", have) as advance,
        ):
            for block in response.iter_raw():
                file.write(block)
                advance(len(block))
    return None
