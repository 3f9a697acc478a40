from __future__ import annotations

import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from raw_table import RawTable

from datasets.preparing import download


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
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0))
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def table(tmp_path):
    return RawTable(tmp_path / "raw")


@pytest.fixture
def command_env():
    """Environment of a command: no RAW_DIR of the person who runs the tests, this Python."""
    env = {key: value for key, value in os.environ.items() if key not in ("RAW_DIR", "CENSUS_URL")}
    return {**env, "PYTHON": sys.executable}
