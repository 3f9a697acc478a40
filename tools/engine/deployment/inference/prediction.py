"""Runs a predictor over a reader's rows; collects the predictions and the time of each batch."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.data.sources import Source
from engine.deployment.exported_model import tensors
from engine.deployment.inference.gpu_usage import GpuUsage
from engine.deployment.predictors.predictor import Predictor
from engine.system import progress
from engine.system.errors import UserError

PHASES = ("preprocess", "inference", "postprocess")


@dataclass
class TimedPredictions:
    """The predictions for all rows, with the time that they took.

    Attributes:
        outputs: output name -> P(label = 1) ``[rows]`` of a binary task, or the probabilities of
            all classes ``[rows, classes]``.
        labels: task -> labels ``[rows]``; empty if the reader yields none.
        milliseconds: phase -> the time of each batch, in all passes.
        rows: the number of rows that were timed, in all passes.
        device_usage: memory and utilisation of the GPU if the model ran there.
    """

    outputs: dict[str, np.ndarray] = field(default_factory=dict)
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    milliseconds: dict[str, list[float]] = field(
        default_factory=lambda: {phase: [] for phase in PHASES}
    )
    rows: int = 0
    device_usage: dict[str, Any] = field(default_factory=dict)

    @property
    def rows_per_second(self) -> float:
        """Timed rows per second of all phases."""
        return 1e3 * self.rows / sum(map(sum, self.milliseconds.values()))


def predict(
    predictor: Predictor,
    source: Source,
    limit: int | None,
    warmup: int,
    repeat: int,
    tasks: Sequence[str] | None = None,
) -> TimedPredictions:
    """Predicts all rows, including those of a last partial batch.

    Args:
        predictor: the predictor.
        source: the rows, in batches.
        limit: use only that many rows from the start; None for all.
        warmup: untimed batches before the measurement.
        repeat: timed passes over the rows; the predictions of the first pass are returned.
        tasks: the tasks in the order of the reader's labels; default: the outputs' names.

    Raises:
        UserError: the rows do not fit the model, or cannot be read.
    """
    endless = itertools.chain.from_iterable(_batches(source, limit) for _ in itertools.count())
    for columns in itertools.islice(endless, warmup):
        predictor.run(tensors.prepare_inputs(predictor.inputs, columns))
    if predictor.runtime["device"] != "gpu":
        return _predict_timed(predictor, source, limit, repeat, tasks)
    with GpuUsage() as usage:
        result = _predict_timed(predictor, source, limit, repeat, tasks)
    result.device_usage = usage.summary()
    return result


def _predict_timed(
    predictor: Predictor,
    source: Source,
    limit: int | None,
    repeat: int,
    tasks: Sequence[str] | None,
) -> TimedPredictions:
    result = TimedPredictions()
    rows = getattr(source, "rows", None)
    total = min(rows, limit or rows) * repeat if rows else None
    outputs: list[list[np.ndarray]] = []
    labels: list[Sequence[np.ndarray]] = []
    for number in range(repeat):
        began = time.perf_counter()
        for columns in _batches(source, limit):
            arrays = tensors.prepare_inputs(predictor.inputs, columns)
            prepared = time.perf_counter()
            fetched = predictor.run(arrays)
            predicted = time.perf_counter()
            probabilities = [task_probabilities(array) for array in fetched]
            if number == 0:
                outputs.append(probabilities)
                labels.append(columns[len(arrays) :])
            ended = time.perf_counter()
            seconds = (prepared - began, predicted - prepared, ended - predicted)
            for phase, duration in zip(PHASES, seconds):
                result.milliseconds[phase].append(1e3 * duration)
            result.rows += len(columns[0])
            progress.report("predicting", result.rows, total)
            began = time.perf_counter()
    progress.report("predicting", None)
    names = [spec.name for spec in predictor.outputs]
    result.outputs = dict(zip(names, (np.concatenate(parts) for parts in zip(*outputs))))
    result.labels = _labels(tasks or names, [np.concatenate(parts) for parts in zip(*labels)])
    return result


def _batches(source: Source, limit: int | None) -> Iterator[list[np.ndarray]]:
    """Yields the batches of the first ``limit`` rows."""
    left = limit
    for columns in source.batches(0):
        if left is not None and left < len(columns[0]):
            columns = [column[:left] for column in columns]
        if left == 0:
            return
        yield columns
        if left is not None:
            left -= len(columns[0])


def task_probabilities(output: np.ndarray) -> np.ndarray:
    """Returns P(label = 1) ``[n]`` of an output ``[n, 2]`` or ``[n, 1]``, else the output."""
    if output.ndim == 2 and output.shape[1] in (1, 2):
        return output[:, -1]
    return output


def _labels(tasks: Sequence[str], arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the labels by task: the fields of a row after the inputs."""
    if not arrays:
        return {}
    if len(arrays) != len(tasks):
        raise UserError(
            f"the reader yields {len(arrays)} labels per row, expected one for each of the "
            f"model's {len(tasks)} tasks: {', '.join(tasks)}"
        )
    return {task: array.reshape(len(array), -1)[:, 0] for task, array in zip(tasks, arrays)}
