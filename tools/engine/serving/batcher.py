"""Joins waiting requests into batches, and runs the model on them in one thread."""

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
    """The model failed on a request; the log contains the exception."""


class _Job:
    """A waiting request: its arrays, and the future for its outputs."""

    __slots__ = ("arrays", "arrived", "future", "rows", "shapes")

    def __init__(self, arrays: list[np.ndarray], rows: int, future: asyncio.Future):
        self.arrays = arrays
        self.rows = rows
        self.future = future
        self.shapes = [array.shape[1:] for array in arrays]  # only equal shapes can be joined
        self.arrived = time.perf_counter()


class Batcher:
    """The queue of a model's requests, and the thread that runs them.

    Requests are joined in order of arrival, up to `max_batch_size` rows. A request with more rows
    runs alone, `max_batch_size` rows at a time. If a batch fails, each of its requests runs alone,
    so that only the faulty ones fail.

    Args:
        run: runs the model on batch-first arrays and returns batch-first arrays. Only the thread
            calls it.
        max_batch_size: the most rows in one run.
        max_delay: seconds that a request waits for others to join its batch; with 0 a batch takes
            only requests that are already in the queue.
        joinable: whether requests may be joined; if not, each runs alone and undivided.
        observe: called with the rows and the seconds of each run.
    """

    def __init__(
        self,
        run: Run,
        max_batch_size: int,
        max_delay: float,
        joinable: bool = True,
        observe: Callable[[int, float], None] = lambda rows, seconds: None,
    ):
        self._run = run
        self._max_batch_size = max_batch_size
        self._max_delay = max_delay
        self._joinable = joinable
        self._observe = observe
        self._queue: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self, timeout: float | None = None) -> None:
        """Answers the requests in the queue and ends the thread.

        Args:
            timeout: the most seconds to wait for the thread; None waits until it ends.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def __len__(self) -> int:
        """Returns the number of waiting requests."""
        return len(self._queue)

    @property
    def alive(self) -> bool:
        """Whether new requests will be answered."""
        return self._thread.is_alive() and not self._closing

    def submit(self, arrays: list[np.ndarray], rows: int) -> asyncio.Future:
        """Puts a request into the queue. Call it in the event loop.

        Args:
            arrays: the inputs, in the model's order.
            rows: the number of rows.

        Returns:
            A future of the outputs, or of a `ModelError`.
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
        """Waits for requests and returns those of the next batch; empty if the thread must end."""
        with self._changed:
            while not self._queue:
                if self._closing:
                    return []
                self._changed.wait()
            jobs = [self._queue.popleft()]
            rows = jobs[0].rows
            deadline = jobs[0].arrived + self._max_delay
            while self._joinable and rows < self._max_batch_size:
                if not self._queue:
                    left = deadline - time.perf_counter()
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
                logger.exception("a batch of %d requests failed; running each alone", len(jobs))
                for job in jobs:
                    self._answer([job])
                return
            logger.exception("the model failed on a request of %d rows", jobs[0].rows)
            answers = [ModelError()]
        try:
            jobs[0].future.get_loop().call_soon_threadsafe(_deliver, jobs, answers)
        except RuntimeError:  # the event loop was closed by force
            logger.warning("%d answers were dropped: the server has stopped", len(jobs))

    def _outputs(self, jobs: list[_Job]) -> list[list[np.ndarray]]:
        """Returns the outputs of each request."""
        if not self._joinable:
            return [self._run_timed(job.arrays, job.rows) for job in jobs]
        rows = sum(job.rows for job in jobs)
        arrays = jobs[0].arrays
        if len(jobs) > 1:
            arrays = [np.concatenate(parts) for parts in zip(*(job.arrays for job in jobs))]
        outputs = self._run_in_parts(arrays, rows)
        answers, start = [], 0
        for job in jobs:
            answers.append([output[start : start + job.rows] for output in outputs])
            start += job.rows
        return answers

    def _run_in_parts(self, arrays: list[np.ndarray], rows: int) -> list[np.ndarray]:
        """Runs the model on at most `max_batch_size` rows at a time."""
        size = self._max_batch_size
        parts = []
        for start in range(0, rows, size):
            count = min(size, rows - start)
            outputs = self._run_timed([array[start : start + count] for array in arrays], count)
            for output in outputs:
                if output.shape[:1] != (count,):
                    raise ValueError(f"an output has shape {output.shape}, expected {count} rows")
            parts.append(outputs)
        return parts[0] if len(parts) == 1 else [np.concatenate(outputs) for outputs in zip(*parts)]

    def _run_timed(self, arrays: Sequence[np.ndarray], rows: int) -> list[np.ndarray]:
        began = time.perf_counter()
        outputs = self._run(arrays)
        self._observe(rows, time.perf_counter() - began)
        return outputs


def _deliver(jobs: list[_Job], answers: list) -> None:
    """Sets the futures' results, in the event loop."""
    for job, answer in zip(jobs, answers):
        if job.future.done():  # cancelled: the client has left, or the server ends by force
            continue
        if isinstance(answer, ModelError):
            job.future.set_exception(answer)
        else:
            job.future.set_result(answer)
