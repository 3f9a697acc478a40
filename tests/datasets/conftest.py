from __future__ import annotations

import gzip
import hashlib
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from datasets import fetch
from datasets.census import columns, prepare

ROOT = Path(__file__).resolve().parents[2]


class Server(ThreadingHTTPServer):
    """Serves `files` (path -> bytes) and misbehaves as a test asks."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.statuses: list[int] = []  # answers to the next requests, before any content
        self.cuts: list[int] = []  # how many bytes the next responses send before they break off
        self.ignore_range = False
        self.requests: list[tuple[str, str | None]] = []  # path and Range header

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        span = self.headers["Range"]
        self.server.requests.append((self.path, span))
        if self.server.statuses:
            return self._answer(self.server.statuses.pop(0))
        if self.path in self.server.redirects:
            return self._answer(302, {"Location": self.server.redirects[self.path]})
        if self.path not in self.server.files:
            return self._answer(404)
        content = self.server.files[self.path]
        if span is None or self.server.ignore_range:
            return self._answer(200, {}, content)
        start = int(span[len("bytes=") :].rstrip("-"))
        if start >= len(content):
            return self._answer(416, {"Content-Range": f"bytes */{len(content)}"})
        whole = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return self._answer(206, {"Content-Range": whole}, content[start:])

    def _answer(self, status, headers=None, content=b""):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if content and self.server.cuts:
            content = content[: self.server.cuts.pop(0)]
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(fetch, "PAUSES", (0.0, 0.0))
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


class RawTable:
    """A small table in the raw census form; every category of `columns` is in its train part."""

    def __init__(self, folder: Path, train_rows: int = 60, test_rows: int = 31, shift: int = 0):
        self.folder = folder
        folder.mkdir(parents=True)
        self.train = [self._row(number + shift) for number in range(train_rows)]
        self.test = [self._row(3 * number + shift) for number in range(test_rows)]
        self.save()

    @staticmethod
    def _row(number: int) -> list[str]:
        row = dict.fromkeys(columns.RAW_COLUMNS)
        for block in columns.BLOCKS:
            place = number % block.size
            row[block.column] = f" {place}" if block.codes else f" {block.column} {place:02d}"
        for index, column in enumerate(columns.NUMERICS):
            row[column] = f" {number + index}"
        row["instance_weight"] = f" {number}.25"
        row["age"] = str(number)
        row["marital_stat"] = (" Never married", *(f" state {n}" for n in range(6)))[number % 7]
        row["income_50k"] = (" - 50000.", " 50000+.")[number % 2]
        return list(row.values())

    def save(self) -> None:
        """Write the files, and the sources that describe them."""
        for name, rows in (("train", self.train), ("test", self.test)):
            content = "".join(",".join(row) + "\n" for row in rows).encode()
            (self.folder / f"{name}.csv.gz").write_bytes(gzip.compress(content))
            raw = fetch.RawFile(f"{name}.csv", hashlib.sha256(content).hexdigest(), (), "TEST_URL")
            setattr(self, f"{name}_source", prepare.Source(raw, len(rows)))

    def prepare(self, output: Path, force: bool = False) -> None:
        prepare.prepare(output, self.folder, force, self.train_source, self.test_source)

    def driver(self, path: Path, patch: str = "") -> Path:
        """A Python program: the prepare command for this table, after `patch` has run."""
        lines = ["import sys", f"sys.path.insert(0, {str(ROOT)!r})"]
        lines += ["from datasets.census import prepare as command"]
        lines += ["from datasets.census.prepare import RawFile, Source"]
        lines += [f"command.TRAIN, command.TEST = {self.train_source}, {self.test_source}"]
        path.write_text("\n".join([*lines, patch, "sys.exit(command.main())", ""]))
        return path


@pytest.fixture
def table(tmp_path):
    return RawTable(tmp_path / "raw")


@pytest.fixture
def command_env():
    """Environment of a command: no RAW_DIR of the person who runs the tests, this Python."""
    env = {key: value for key, value in os.environ.items() if key not in ("RAW_DIR", "CENSUS_URL")}
    return {**env, "PYTHON": sys.executable}
