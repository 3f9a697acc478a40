"""The log: results go to standard output, everything else to standard error, all of it to a file.

A record is a result if it is logged with ``extra=RESULT``. The streams and ``runner.log_file`` have
the same format, PaddleRec's, which scripts may parse.
"""

from __future__ import annotations

import logging
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from logging.handlers import MemoryHandler
from typing import Any

from engine.system import progress
from engine.system.errors import UserError

RESULT = {"is_result": True}
_FORMAT = "%(asctime)s - %(levelname)s - %(message)s"
_KEPT_RECORDS = 1000  # until the configuration names the file


class _Format(logging.Formatter):
    """PaddleRec's format; a text of `show` stays as it is."""

    def format(self, record: logging.LogRecord) -> str:
        return record.getMessage() if hasattr(record, "is_text") else super().format(record)


class _Console(logging.StreamHandler):
    """Writes records to a standard stream, above the progress bars.

    Args:
        name: ``stdout`` for results, ``stderr`` for other records.
    """

    def __init__(self, name: str):
        logging.Handler.__init__(self)
        self._name = name
        self.setFormatter(_Format(_FORMAT))
        self.addFilter(lambda record: hasattr(record, "is_result") == (name == "stdout"))

    @property
    def stream(self) -> Any:
        """The stream that Python uses now: tests and notebooks replace it."""
        return getattr(sys, self._name)

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a record."""
        bars = sys.modules.get("tqdm")
        with bars.tqdm.external_write_mode(self.stream) if bars else nullcontext():
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Goes on without the stream if nobody reads it, or its disk is full."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        with open(os.devnull, "wb") as nothing:  # Python flushes the stream again when it ends
            os.dup2(nothing.fileno(), self.stream.fileno())
        if not isinstance(error, BrokenPipeError):
            logging.getLogger(__name__).warning("cannot write to %s: %s", self._name, error)


class _File(logging.FileHandler):
    """Appends records to ``runner.log_file``."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Goes on without the file: a full disk must not end a training run."""
        logging.getLogger().removeHandler(self)
        if self in _handlers:
            _handlers.remove(self)
            error = sys.exc_info()[1]
            logging.getLogger(__name__).warning(
                "runner.log_file: cannot write %s: %s", self.baseFilename, error
            )


_results, _others = _Console("stdout"), _Console("stderr")
_handlers: list[logging.Handler] = [_results, _others]
_written: dict[str, list[str]] = {}  # by what the files are


def start_logging(quiet: bool = False) -> None:
    """Starts the log.

    Args:
        quiet: whether standard error has only warnings and errors.
    """
    _others.setLevel(logging.WARNING if quiet else logging.INFO)
    progress.Display(bars=not quiet).start()
    for handler in _handlers:
        if isinstance(handler, _File):
            handler.close()
    _written.clear()
    early = MemoryHandler(_KEPT_RECORDS, flushLevel=logging.CRITICAL + 1, flushOnClose=False)
    _handlers[:] = [_results, _others, early]
    logging.basicConfig(handlers=_handlers, level=logging.INFO, force=True)


def is_quiet() -> bool:
    """Returns whether standard error has only warnings and errors."""
    return _others.level > logging.INFO


def write_file(path: str | None) -> None:
    """Also appends the log to a file, with what was logged so far.

    Args:
        path: ``runner.log_file``; None for no file.

    Raises:
        UserError: the file cannot be written.
    """
    early = [handler for handler in _handlers if isinstance(handler, MemoryHandler)]
    if path:
        if not os.path.isdir(os.path.dirname(path)):
            raise UserError(
                f"runner.log_file = {path}: there is no folder {os.path.dirname(path)}; make it, "
                "or name another file"
            )
        if os.path.exists(path) and not os.path.isfile(path):
            raise UserError(f"runner.log_file = {path}: expected a file")
        try:
            file = _File(path, "a", encoding="utf-8")
        except OSError as error:
            raise UserError(f"runner.log_file = {path}: {error.strerror or error}") from error
        file.setFormatter(_Format(_FORMAT))
        _handlers.append(file)
        logging.getLogger().addHandler(file)
        file.handle(_record(f"command: {shlex.join(sys.argv)}"))
        for record in (record for handler in early for record in handler.buffer):
            file.handle(record)
    for handler in early:
        _handlers.remove(handler)
        logging.getLogger().removeHandler(handler)


@contextmanager
def file_only() -> Iterator[None]:
    """Keeps results and other lines from the terminal; warnings and errors stay."""
    levels = _results.level, _others.level
    _results.setLevel(logging.CRITICAL)
    _others.setLevel(logging.WARNING)
    try:
        yield
    finally:
        _results.setLevel(levels[0])
        _others.setLevel(levels[1])


def show(text: str) -> None:
    """Writes a result as it is, without time and level: a table, or the output of a command."""
    record = _record(text, is_result=True, is_text=True)
    for handler in list(_handlers):
        if not isinstance(handler, MemoryHandler) and record.levelno >= handler.level:
            handler.handle(record)


def wrote(what: str, path: str) -> None:
    """Notes a written file or folder for the last line of the command; see `log_written`."""
    paths = _written.setdefault(what, [])
    if path not in paths:
        paths.append(path)


def log_written() -> None:
    """Logs what the command wrote, and where, as its last line."""
    if _written:
        parts = [f"{what} to {', '.join(paths)}" for what, paths in _written.items()]
        logging.getLogger(__name__).info("wrote %s", "; ".join(parts))
    _written.clear()


def show_error(text: str) -> None:
    """Writes the line that ends a command to standard error, and to the log's file."""
    progress.close_bars()
    for handler in list(_handlers):
        if handler is _others:
            handler.handle(_record(text, logging.ERROR, is_text=True))
        elif isinstance(handler, _File):
            handler.handle(_record(text.partition("error: ")[2] or text, logging.ERROR))


def keep_traceback(text: str) -> None:
    """Writes the traceback of a crash to the log's file; Python prints it."""
    for handler in list(_handlers):
        if isinstance(handler, _File):
            handler.handle(_record(text, logging.ERROR))


def _record(text: str, level: int = logging.INFO, **attributes: bool) -> logging.LogRecord:
    record = logging.LogRecord(__name__, level, "", 0, text, (), None)
    record.__dict__.update(attributes)
    return record
