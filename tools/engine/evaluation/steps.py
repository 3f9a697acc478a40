"""The loop over an epoch's batches, for training and evaluation alike."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import Any

from engine.evaluation.progress import RunLog
from engine.evaluation.undefined_metrics import UndefinedMetrics
from engine.graphs.session import Batches, Session
from engine.system import interrupts
from engine.system.clock import Clock


def run_steps(
    session: Session,
    batches: Batches,
    step: Callable[[Any, Clock], dict],
    clock: Clock,
    log: RunLog,
    at_log_line: Callable[[int, int], None] | None = None,
    after_step: Callable[[], None] | None = None,
    select: Callable[[Mapping[str, Any]], dict[str, Any]] = dict,
) -> int:
    """Takes a step for each batch and returns the number of rows.

    Args:
        session: the session that takes the steps.
        batches: batches and their numbers of rows.
        step: the session's step for training or for evaluation.
        clock: the run's clock.
        log: the run's log lines.
        at_log_line: called with epoch and batch when a line is logged.
        after_step: called after each step; its time does not count.
        select: returns the metrics to log; by default all.

    Raises:
        Interrupted: a signal arrived; the step in progress was completed.
    """
    gc.collect()
    gc.freeze()  # objects that exist now stay: later collections need not examine them
    total = 0
    shown: dict[str, Any] = {}
    clock.skip()
    for batch, rows in batches:
        clock.lap("read")
        shown = {} if batch is None else step(batch, clock)
        total += rows
        if log.count(rows):
            metrics, shown = session.metrics(), session.mean_over_processes(shown)
            clock.lap("metrics")
            log.line(select(metrics), shown, session.learning_rate())
            if at_log_line:
                at_log_line(log.epoch, log.batches - 1)
        if after_step:
            after_step()
            clock.skip()
        interrupts.check()
    log.shown = shown
    return total


def end_epoch(
    session: Session,
    clock: Clock,
    log: RunLog,
    undefined: UndefinedMetrics,
    select: Callable[[Mapping[str, Any]], dict[str, Any]] = dict,
) -> dict[str, Any]:
    """Logs an epoch's metrics, warns of undefined ones, and returns them; see `run_steps`.

    For a folder written for PaddleRec the line also has the values of the last batch, as there.
    """
    metrics = select(session.metrics())
    clock.lap("metrics")
    last = session.mean_over_processes(log.shown) if session.shows_last_batch else {}
    log.end_epoch({**metrics, **last, **metrics}, session.skipped)
    undefined.warn(session, metrics)
    return metrics
