"""Measures the phases of a step by a clock around the calls of a session.

The clock slows a step down, so the phases are measured in an extra run.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Callable

from benchmarking import engine_names

PHASES = (
    "read",
    "transfer",
    "forward",
    "loss",
    "backward",
    "optimizer",
    "metrics",
    "log",
    "other",
)

# The measured calls: owner, name, phase. An owner is an attribute of the session, "" the session
# itself. A call that a session does not have is part of its caller.
_CALLS = (
    ("", "_forward", "forward"),
    ("_contract", "train_forward", "forward"),
    ("_contract", "infer_forward", "forward"),
    ("_contract", "create_loss", "loss"),
    ("_contract._scores", "add", "metrics"),
    ("_optimizer", "step", "optimizer"),
    ("_optimizer", "clear_grad", "optimizer"),
    ("_feeds", "named", "transfer"),
    ("executor", "run", "forward"),
    ("_executor", "run", "forward"),  # in older checkouts
    ("", "_count", "metrics"),
    ("", "metrics", "metrics"),
)


class Phases:
    """Adds up the seconds of each phase. An inner phase is not part of the outer one.

    Args:
        wait: waits until the device is idle.

    Attributes:
        seconds: seconds by phase, of those that occurred.
    """

    def __init__(self, wait: Callable[[], object]):
        self.seconds: dict[str, float] = {}
        self._wait = wait
        self._inside: list[str] = []
        self._running = False
        self._thread = threading.get_ident()

    def start(self) -> None:
        """Starts the clock."""
        self._running = True
        self._last = time.perf_counter()

    def stop(self) -> None:
        """Stops the clock."""
        self._lap()
        self._running = False

    def watch(self, session: Any) -> None:
        """Puts the clock around the calls of a session.

        Args:
            session: a session of this engine or of an older checkout's.
        """
        import paddle

        progress = engine_names.module("progress")
        log = getattr(progress, "RunLog", None) or progress.Report

        for path, name, phase in _CALLS:
            owner = session
            for part in filter(None, path.split(".")):
                owner = getattr(owner, part, None)
            self._wrap(owner, name, phase)
        for metric in getattr(session, "_metrics", ()):
            self._wrap(metric, "update", "metrics")
        self._wrap(paddle.Tensor, "backward", "backward")
        for name in engine_names.WRITTEN_STEPS:
            if name in sys.modules:
                self._wrap(sys.modules[name].StepLoss, "backward", "backward")
        self._wrap(log, "line", "log")

    def reading(self, batches: Callable, source: Any, epoch: int) -> Iterator[tuple[Any, int]]:
        """Yields a session's batches; time in its source is ``read``, other time ``transfer``."""
        outer = "read"
        for name in ("blocks", "batches"):
            if hasattr(source, name):
                outer = "transfer"
                read = getattr(source, name)
                setattr(source, name, lambda *a, read=read: self._each(read(*a), "read"))
        return self._each(batches(source, epoch), outer)

    def _wrap(self, owner: Any, name: str, phase: str) -> None:
        called = getattr(owner, name, None)
        if called is None:
            return

        @functools.wraps(called)
        def timed(*arguments: Any, **options: Any) -> Any:
            if not self._enter(phase):
                return called(*arguments, **options)
            try:
                return called(*arguments, **options)
            finally:
                self._leave()

        setattr(owner, name, timed)

    def _each(self, items: Iterator, phase: str) -> Iterator:
        self.seconds.setdefault(phase, 0.0)
        items = iter(items)
        while True:
            entered = self._enter(phase)
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                if entered:
                    self._leave()
            yield item

    def _enter(self, phase: str) -> bool:
        # Of threads that read ahead, only the time that a step waits for them counts.
        if threading.get_ident() != self._thread:
            return False
        self._lap()
        self._inside.append(phase)
        return True

    def _leave(self) -> None:
        self._lap()
        self._inside.pop()

    def _lap(self) -> None:
        if not self._running:
            return
        self._wait()
        now = time.perf_counter()
        phase = self._inside[-1] if self._inside else "other"
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._last
        self._last = now
