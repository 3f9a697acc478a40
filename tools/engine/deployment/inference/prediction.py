"""Runs a predictor over a reader's rows; collects the predictions and the time of each batch."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.data.sources import Source
from engine.deployment.exported_model import task_facts, tensors
from engine.deployment.inference.gpu_usage import GpuUsage
from engine.deployment.inference.labels import LabelFields
from engine.deployment.predictors.predictor import Predictor
from engine.system import progress

PHASES = ("preprocess", "inference", "postprocess")


@dataclass
class TimedPredictions:
    """The predictions for all rows, with the time that they took.

    Attributes:
        outputs: output name -> P(label = 1) ``[rows]`` of a binary task, the probabilities of all
            classes ``[rows, classes]``, or numbers ``[rows]`` in the label's unit.
        labels: task -> labels ``[rows]``, negative or NaN where a row has none; empty if the
            reader yields none.
        weights: task -> sample weights ``[rows]``; empty without weights.
        milliseconds: phase -> the time of each batch, in all passes.
        rows: the number of rows that were timed, in all passes.
        device_usage: memory and utilisation of the GPU if the model ran there.
    """

    outputs: dict[str, np.ndarray] = field(default_factory=dict)
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
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
    fields: LabelFields | None = None,
    facts: Sequence[Mapping[str, Any]] | None = None,
) -> TimedPredictions:
    """Predicts all rows, including those of a last partial batch.

    Args:
        predictor: the predictor.
        source: the rows, in batches.
        limit: use only that many rows from the start; None for all.
        warmup: untimed batches before the measurement.
        repeat: timed passes over the rows; the predictions of the first pass are returned.
        fields: the fields of a row after the inputs; default: one label an output.
        facts: the export's ``task_facts``.

    Raises:
        UserError: the rows do not fit the model, or cannot be read.
    """
    endless = itertools.chain.from_iterable(_batches(source, limit) for _ in itertools.count())
    for columns in itertools.islice(endless, warmup):
        predictor.run(tensors.prepare_inputs(predictor.inputs, columns))
    fields = fields or LabelFields([spec.name for spec in predictor.outputs])
    by_task = {each["name"]: each for each in facts or ()}
    if predictor.runtime["device"] != "gpu":
        return _predict_timed(predictor, source, limit, repeat, fields, by_task)
    with GpuUsage() as usage:
        result = _predict_timed(predictor, source, limit, repeat, fields, by_task)
    result.device_usage = usage.summary()
    return result


def _predict_timed(
    predictor: Predictor,
    source: Source,
    limit: int | None,
    repeat: int,
    fields: LabelFields,
    facts: Mapping[str, Mapping[str, Any]],
) -> TimedPredictions:
    result = TimedPredictions()
    rows = getattr(source, "rows", None)
    total = min(rows, limit or rows) * repeat if rows else None
    outputs: list[list[np.ndarray]] = []
    others: list[Sequence[np.ndarray]] = []
    names = [spec.name for spec in predictor.outputs]
    facts_of_outputs = [facts.get(name) for name in names]
    for number in range(repeat):
        began = time.perf_counter()
        for columns in _batches(source, limit):
            arrays = tensors.prepare_inputs(predictor.inputs, columns)
            prepared = time.perf_counter()
            fetched = predictor.run(arrays)
            predicted = time.perf_counter()
            predictions = [task_facts.prediction(*pair) for pair in zip(fetched, facts_of_outputs)]
            if number == 0:
                outputs.append(predictions)
                others.append(columns[len(arrays) :])
            ended = time.perf_counter()
            seconds = (prepared - began, predicted - prepared, ended - predicted)
            for phase, duration in zip(PHASES, seconds):
                result.milliseconds[phase].append(1e3 * duration)
            result.rows += len(columns[0])
            progress.report("predicting", result.rows, total)
            began = time.perf_counter()
    progress.report("predicting", None)
    result.outputs = dict(zip(names, (np.concatenate(parts) for parts in zip(*outputs))))
    result.labels, result.weights = fields.split(others)
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
