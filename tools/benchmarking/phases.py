"""Where a step's time goes, by laps around what a session calls.

The laps cost time themselves, so they are set in a short run of their own, not in the timed ones.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Callable

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

# What is timed, as (owner, name, phase); an owner is an attribute of the session, or the session
# itself. What is not there is part of what calls it.
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
    ("_executor", "run", "forward"),  # as older checkouts call it
    ("", "_count", "metrics"),
    ("", "metrics", "metrics"),
)


class Phases:
    """Adds up seconds by phase; a phase inside another one is not part of that.

    Args:
        wait: makes sure that the device has done what it was asked to.

    Attributes:
        seconds: of each phase that occurred, and of reading.
    """

    def __init__(self, wait: Callable[[], object]):
        self.seconds: dict[str, float] = {}
        self._wait = wait
        self._inside: list[str] = []
        self._running = False
        self._thread = threading.get_ident()

    def start(self) -> None:
        """Begins to count."""
        self._running = True
        self._last = time.perf_counter()

    def stop(self) -> None:
        """Counts no longer."""
        self._lap()
        self._running = False

    def watch(self, session: Any) -> None:
        """Times what a session calls in a step."""
        import paddle

        try:
            from engine.evaluation.run_log import RunLog
        except ImportError:  # an older checkout
            from engine.report import Report as RunLog

        for path, name, phase in _CALLS:
            owner = session
            for part in filter(None, path.split(".")):
                owner = getattr(owner, part, None)
            self._around(owner, name, phase)
        for metric in getattr(session, "_metrics", ()):
            self._around(metric, "update", "metrics")
        self._around(paddle.Tensor, "backward", "backward")
        for name in ("models.common.fast_step.step", "models.multitask.written_step"):
            if name in sys.modules:  # the second is an older checkout's
                self._around(sys.modules[name].StepLoss, "backward", "backward")
        self._around(RunLog, "line", "log")

    def reading(self, batches: Callable, source: Any, epoch: int) -> Iterator[tuple[Any, int]]:
        """Yields a session's batches: what a source takes is reading, the rest transfer."""
        outer = "read"
        for name in ("blocks", "batches"):
            if hasattr(source, name):
                outer = "transfer"
                made = getattr(source, name)
                setattr(source, name, lambda *a, made=made: self._each(made(*a), "read"))
        return self._each(batches(source, epoch), outer)

    def _around(self, owner: Any, name: str, phase: str) -> None:
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
        # Threads that read ahead cost a step nothing but the time that it waits for them.
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
