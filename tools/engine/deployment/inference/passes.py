"""Passes of a predictor over a reader's rows: the predictions, and the time of each batch."""

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
from engine.system.errors import UserError

PHASES = ("preprocess", "inference", "postprocess")


@dataclass
class Result:
    """What a run over the data gave.

    Attributes:
        outputs: by output name, P(label = 1) ``[rows]`` of a binary task, or the probabilities of
            all classes ``[rows, classes]``.
        labels: one array a task, ``[rows]``; empty if the reader yields none.
        milliseconds: of each timed batch, by phase.
        rows: rows that were timed; with ``repeat``, each as often.
        device_usage: memory and utilisation of the GPU, if the model ran there.
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
        """Rows over the time of all phases."""
        return 1e3 * self.rows / sum(map(sum, self.milliseconds.values()))


def run(
    predictor: Predictor,
    source: Source,
    limit: int | None,
    warmup: int,
    repeat: int,
    tasks: Sequence[str] | None = None,
) -> Result:
    """Predicts all rows.

    Args:
        predictor: what predicts.
        source: the rows, in batches; a last partial one counts.
        limit: rows to take from the start; None for all.
        warmup: batches to run first, untimed.
        repeat: passes over the rows, all timed; the predictions are the first one's.
        tasks: what the reader's labels are of, in their order; the outputs' names if not given.

    Raises:
        UserError: the rows do not fit the model, or cannot be read.
    """
    endless = itertools.chain.from_iterable(_batches(source, limit) for _ in itertools.count())
    for columns in itertools.islice(endless, warmup):
        predictor.run(tensors.fit(predictor.inputs, columns))
    result = Result()
    if predictor.runtime["device"] == "gpu":
        with GpuUsage() as usage:
            _timed(result, predictor, source, limit, repeat, tasks)
        result.device_usage = usage.figures()
    else:
        _timed(result, predictor, source, limit, repeat, tasks)
    return result


def _timed(
    result: Result,
    predictor: Predictor,
    source: Source,
    limit: int | None,
    repeat: int,
    tasks: Sequence[str] | None,
) -> None:
    outputs: list[list[np.ndarray]] = []
    labels: list[Sequence[np.ndarray]] = []
    for number in range(repeat):
        began = time.perf_counter()
        for columns in _batches(source, limit):
            arrays = tensors.fit(predictor.inputs, columns)
            ready = time.perf_counter()
            fetched = predictor.run(arrays)
            done = time.perf_counter()
            kept = [column_of(array) for array in fetched]
            if number == 0:
                outputs.append(kept)
                labels.append(columns[len(arrays) :])
            ended = time.perf_counter()
            for phase, seconds in zip(PHASES, (ready - began, done - ready, ended - done)):
                result.milliseconds[phase].append(1e3 * seconds)
            result.rows += len(columns[0])
            began = time.perf_counter()
    names = [spec.name for spec in predictor.outputs]
    result.outputs = dict(zip(names, (np.concatenate(part) for part in zip(*outputs))))
    result.labels = _labels(tasks or names, [np.concatenate(part) for part in zip(*labels)])


def _batches(source: Source, limit: int | None) -> Iterator[list[np.ndarray]]:
    left = limit
    for columns in source.batches(0):
        if left is not None and left < len(columns[0]):
            columns = [column[:left] for column in columns]
        if left == 0:
            return
        yield columns
        if left is not None:
            left -= len(columns[0])


def column_of(output: np.ndarray) -> np.ndarray:
    """Returns what counts of an output: of two classes' probabilities, the second, ``[n]``."""
    if output.ndim == 2 and output.shape[1] == 2:
        return output[:, 1]
    if output.ndim == 2 and output.shape[1] == 1:
        return output[:, 0]
    return output


def _labels(names: Sequence[str], arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the labels by task: the fields of a row that come after the inputs."""
    if not arrays:
        return {}
    if len(arrays) != len(names):
        raise UserError(
            f"the reader yields {len(arrays)} labels a row, the model has {len(names)} tasks: "
            f"{', '.join(names)}"
        )
    return {name: array.reshape(len(array), -1)[:, 0] for name, array in zip(names, arrays)}
