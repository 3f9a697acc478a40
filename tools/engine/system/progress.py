"""Shows the progress of long work: a bar in a terminal, elsewhere a line every few seconds.

Work reports its progress as records of the logger ``progress``. The message is the title, and the
attribute ``progress`` is a tuple: what is done, the total or None, and the unit. A record without
a done part ends the work. Readers of data, which import nothing from here, log such records too.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from tqdm import tqdm

_PATIENCE = 2.0  # seconds without a word
_INTERVAL = 5.0  # seconds between two lines; more in work of hours, of which a twentieth
_SHARE = 0.05
_PAUSE = 1.0  # seconds without work, after which the patience starts again

_reports = logging.getLogger("progress")
_logger = logging.getLogger(__name__)


def report(title: str, done: float | None, total: float | None = None, unit: str = "rows") -> None:
    """Reports how much of some work is done.

    Args:
        title: names the work, such as ``parsing train.txt``.
        done: the part that is done; None at the end.
        total: the whole; None if unknown.
        unit: the unit of both; bytes are shown as MB.
    """
    if _reports.isEnabledFor(logging.DEBUG):
        _reports.debug("%s", title, extra={"progress": (done, total, unit)})


class Display(logging.Handler):
    """Shows progress records; the log's other handlers do not see them.

    Args:
        bars: whether a terminal shows a bar.
    """

    def __init__(self, bars: bool = True):
        super().__init__()
        self._bars = bars
        self._bar: tqdm | None = None
        self._title = ""
        self._busy_since = self._ended = -_PAUSE
        self._began = self._next_line = 0.0
        self._is_shown = False
        self._record: logging.LogRecord | None = None

    def start(self) -> None:
        """Begins to receive records, in place of other displays."""
        for handler in _reports.handlers[:]:
            _reports.removeHandler(handler)
        _reports.addHandler(self)
        _reports.setLevel(logging.DEBUG)
        _reports.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Shows a record, unless the work is too short to be shown."""
        if not logging.getLogger().isEnabledFor(logging.INFO):  # another process shows it
            return
        now, title = time.monotonic(), record.getMessage()
        done, total, unit = record.progress
        if done is None:
            if title == self._title:
                self._end(now)
            return
        self._record = record
        if title != self._title:
            self.close_bar()
            if not self._title and now - self._ended >= _PAUSE:
                self._busy_since = now
                self._next_line = now + _PATIENCE
            self._title, self._began, self._first = title, now, done
            self._is_shown = False
        if now - self._busy_since < _PATIENCE:
            return
        if self._bars and sys.stderr.isatty():
            self._move_bar(done, total, unit)
        elif now >= self._next_line:
            self._is_shown = True
            self._next_line = now + max(_INTERVAL, _SHARE * (now - self._busy_since))
            _logger.info("%s: %s", title, self._text(done, total, unit, now - self._began))

    def repeat(self) -> None:
        """Shows the last record again, so that long waits are not silent."""
        if self._title and self._record:
            self.handle(self._record)

    def close_bar(self) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _move_bar(self, done: float, total: float | None, unit: str) -> None:
        self._is_shown = True
        if self._bar is None:
            scaled = {"unit": "B", "unit_scale": True} if unit == "bytes" else {"unit": f" {unit}"}
            options = {"total": total, "initial": done, "leave": False, **scaled}
            self._bar = tqdm(desc=self._title, dynamic_ncols=True, file=sys.stderr, **options)
        self._bar.update(done - self._bar.n)

    def _end(self, now: float) -> None:
        self.close_bar()
        if self._is_shown and now - self._began >= _PATIENCE:
            _logger.info("%s: done in %s", self._title, _duration(now - self._began))
            self._next_line = now + _INTERVAL
        self._title, self._ended, self._is_shown = "", now, False

    def _text(self, done: float, total: float | None, unit: str, seconds: float) -> str:
        if total is None:
            return f"{_amount(done, unit)} {_name(unit)} so far"
        text = f"{_amount(done, unit)} of {_amount(total, unit)} {_name(unit)}"
        share = done / total if total else 1.0
        text += f", {100 * share:.0f} %"
        if done > self._first and seconds > 0:
            text += f", {_duration(seconds * (total - done) / (done - self._first))} left"
        return text


def repeat() -> None:
    """Shows the last report again; see `Display.repeat`."""
    for handler in _reports.handlers:
        if isinstance(handler, Display):
            handler.repeat()


def close_bars() -> None:
    """Removes bars before the line that ends a command."""
    for handler in _reports.handlers:
        if isinstance(handler, Display):
            handler.close_bar()


def _name(unit: str) -> str:
    return "MB" if unit == "bytes" else unit


def _amount(number: Any, unit: str) -> str:
    if unit == "bytes":
        return f"{number / 1e6:.1f}"
    return f"{number:,}" if isinstance(number, int) else f"{number:,.1f}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
