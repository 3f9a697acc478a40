"""Joins the rows of waiting requests, and runs the model on them in the one thread that may."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

logger = logging.getLogger(__name__)

Run = Callable[[Sequence[np.ndarray]], "list[np.ndarray]"]


class ModelError(Exception):
    """The model failed on a request; the log says why."""


class _Job:
    """A request that waits: its arrays, and the future that its answer goes to."""

    __slots__ = ("arrays", "arrived", "future", "rows", "shapes")

    def __init__(self, arrays: list[np.ndarray], rows: int, future: asyncio.Future):
        self.arrays = arrays
        self.rows = rows
        self.future = future
        self.shapes = [array.shape[1:] for array in arrays]  # only equal ones can be joined
        self.arrived = time.perf_counter()


class Batcher:
    """The queue in front of a model, and the thread that empties it.

    Requests are joined in the order in which they came, while they fit `max_batch_size`. A
    request of more rows is run alone, `max_batch_size` rows at a time. Where a batch fails, each
    of its requests is run alone, so that only those fail that have to.

    Args:
        run: the model: batch-first arrays in, batch-first arrays out. One thread calls it.
        max_batch_size: the most rows that it is run on.
        max_delay: seconds that a request waits for others; with 0, those join it that are
            already in the queue.
        joins: whether requests may be joined; if not, each is run alone and whole.
        observe: told of each run's rows and seconds.
    """

    def __init__(
        self,
        run: Run,
        max_batch_size: int,
        max_delay: float,
        joins: bool = True,
        observe: Callable[[int, float], None] = lambda rows, seconds: None,
    ):
        self._run = run
        self._max_batch_size = max_batch_size
        self._max_delay = max_delay
        self._joins = joins
        self._observe = observe
        self._queue: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self, timeout: float | None = None) -> None:
        """Lets the thread answer what is in the queue, and ends it."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def __len__(self) -> int:
        """Returns how many requests wait."""
        return len(self._queue)

    @property
    def alive(self) -> bool:
        """Whether requests are answered."""
        return self._thread.is_alive() and not self._closing

    def submit(self, arrays: list[np.ndarray], rows: int) -> asyncio.Future:
        """Queues a request; call it in the event loop.

        Returns:
            the future of its outputs, or of a `ModelError`.
        """
        job = _Job(arrays, rows, asyncio.get_running_loop().create_future())
        with self._changed:
            self._queue.append(job)
            self._changed.notify()
        return job.future

    def _work(self) -> None:
        while True:
            jobs = self._next_batch()
            if not jobs:
                return
            self._answer(jobs)

    def _next_batch(self) -> list[_Job]:
        """Waits for requests and returns those to run together; none when it is time to end."""
        with self._changed:
            while not self._queue:
                if self._closing:
                    return []
                self._changed.wait()
            jobs = [self._queue.popleft()]
            rows = jobs[0].rows
            until = jobs[0].arrived + self._max_delay
            while self._joins and rows < self._max_batch_size:
                if not self._queue:
                    left = until - time.perf_counter()
                    if left <= 0 or self._closing or not self._changed.wait(left):
                        break
                    continue
                job = self._queue[0]
                if rows + job.rows > self._max_batch_size or job.shapes != jobs[0].shapes:
                    break
                jobs.append(self._queue.popleft())
                rows += job.rows
            return jobs

    def _answer(self, jobs: list[_Job]) -> None:
        try:
            answers = self._outputs(jobs)
        except Exception:
            if len(jobs) > 1:
                logger.exception("a batch of %d requests failed: each is run alone", len(jobs))
                for job in jobs:
                    self._answer([job])
                return
            logger.exception("the model failed on a request of %d rows", jobs[0].rows)
            answers = [ModelError()]
        try:
            jobs[0].future.get_loop().call_soon_threadsafe(_deliver, jobs, answers)
        except RuntimeError:  # the loop was closed by force: nobody waits for an answer
            logger.warning("%d requests were answered too late", len(jobs))

    def _outputs(self, jobs: list[_Job]) -> list[list[np.ndarray]]:
        """Returns each request's outputs."""
        if not self._joins:
            return [self._timed(job.arrays, job.rows) for job in jobs]
        rows = sum(job.rows for job in jobs)
        arrays = jobs[0].arrays
        if len(jobs) > 1:
            arrays = [np.concatenate(parts) for parts in zip(*(job.arrays for job in jobs))]
        outputs = self._by_rows(arrays, rows)
        answers, start = [], 0
        for job in jobs:
            answers.append([output[start : start + job.rows] for output in outputs])
            start += job.rows
        return answers

    def _by_rows(self, arrays: list[np.ndarray], rows: int) -> list[np.ndarray]:
        """Runs the model on at most `max_batch_size` rows at a time."""
        size = self._max_batch_size
        parts = []
        for start in range(0, rows, size):
            count = min(size, rows - start)
            outputs = self._timed([array[start : start + count] for array in arrays], count)
            for output in outputs:
                if output.shape[:1] != (count,):
                    raise ValueError(f"an output has shape {output.shape} for {count} rows")
            parts.append(outputs)
        return parts[0] if len(parts) == 1 else [np.concatenate(outputs) for outputs in zip(*parts)]

    def _timed(self, arrays: Sequence[np.ndarray], rows: int) -> list[np.ndarray]:
        began = time.perf_counter()
        outputs = self._run(arrays)
        self._observe(rows, time.perf_counter() - began)
        return outputs


def _deliver(jobs: list[_Job], answers: list) -> None:
    for job, answer in zip(jobs, answers):
        if job.future.done():  # cancelled: the server is being ended by force
            continue
        if isinstance(answer, ModelError):
            job.future.set_exception(answer)
        else:
            job.future.set_result(answer)
