"""Times one model with every engine and option that this machine supports."""

from __future__ import annotations

import itertools
import logging
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from engine.deployment.export.output_check import TOLERANCE, difference
from engine.deployment.exported_model import model_files, tensors
from engine.deployment.inference.job import Job
from engine.deployment.predictors import opening
from engine.deployment.predictors.predictor import Options, Predictor
from engine.system import environment, logs
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

_BATCH_SIZES = (1, 32, 1024)
_SECONDS = 1.0  # measured per runner and batch size, in all rounds
_ROUNDS = 5  # the runners alternate, so that a slow moment of the machine affects all of them
_BATCHES = 64  # at most so many different batches
_ROW = "{:>6}  {:<34} {:>9} {:>9} {:>11} {:>11}"


@dataclass
class Runner:
    """One way to run the model: an engine with its options.

    Attributes:
        name: its name in the table.
        predictor: the opened predictor.
        milliseconds: batch size -> the time of each batch.
        difference: the largest `output_check.difference` from the outputs of the first runner.
    """

    name: str
    predictor: Predictor
    milliseconds: dict[int, list[float]] = field(default_factory=dict)
    difference: float = 0.0


def compare_runners(job: Job, batch_sizes: tuple[int, ...], warmup: int) -> None:
    """Times every runner at each batch size and prints one table.

    Args:
        job: the model and the rows.
        batch_sizes: rows per batch; empty for 1, 32 and 1024.
        warmup: untimed batches of each runner before the measurement.

    Raises:
        UserError: this machine cannot run the model at all, or the rows do not fit it.
    """
    batch_sizes = batch_sizes or _BATCH_SIZES
    runners = list(_open_runners(job, max(batch_sizes)))
    if not runners:
        raise UserError(f"no engine on this machine can run {job.model.graph}")
    for name, value in environment.describe().items():
        logs.show(f"{name}: {value}")
    logs.show(_ROW.format("batch", "runner", "p50 ms", "p99 ms", "rows/s", "difference"))
    for size in batch_sizes:
        batches = _full_batches(job, runners[0].predictor, size)
        _measure(runners, batches, size, warmup)
        accurate = [runner for runner in runners if runner.difference <= TOLERANCE]
        fastest = min(accurate, key=lambda runner: np.median(runner.milliseconds[size]))
        for runner in runners:
            p50, p99 = np.percentile(runner.milliseconds[size], [50, 99])
            values = (f"{p50:.3f}", f"{p99:.3f}", f"{1e3 * size / p50:.0f}")
            line = _ROW.format(size, runner.name, *values, f"{runner.difference:.0e}")
            logs.show(line + ("  <- fastest" if runner is fastest else ""))


def _open_runners(job: Job, largest: int) -> Iterator[Runner]:
    """Opens every runner that works here; prints the reason for each one that does not.

    Args:
        job: the model and the rows.
        largest: the largest batch size.
    """
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    for name, changes in _runner_options():
        for threads in sorted({1, cores}):
            options = Options(cpu_threads=threads, batch_size=largest)
            try:
                options = replace(options, **changes)
                model = model_files.find_for_engine(job.model, options.engine)
                predictor = opening.open_predictor(model, options)
            except UserError as error:
                logger.warning("not available: %s: %s", name, error)
                break
            if options.use_gpu:
                yield Runner(name, predictor)
                break
            yield Runner(f"{name}, {threads} thread{'s' * (threads > 1)}", predictor)


def _runner_options() -> Iterator[tuple[str, dict]]:
    """Yields the name of each runner and its options."""
    paddle = {"engine": "paddle"}
    yield "Paddle", paddle
    yield "Paddle, oneDNN", {**paddle, "enable_mkldnn": True}
    yield "Paddle, oneDNN bf16", {**paddle, "enable_mkldnn": True, "precision": "bf16"}
    gpu = {**paddle, "use_gpu": True}
    yield "Paddle, GPU", gpu
    yield "Paddle, GPU fp16", {**gpu, "precision": "fp16"}
    yield "Paddle, TensorRT", {**gpu, "enable_tensorrt": True}
    yield "Paddle, TensorRT fp16", {**gpu, "enable_tensorrt": True, "precision": "fp16"}
    yield "ONNX Runtime", {"engine": "onnxruntime"}
    onnx_gpu = {"engine": "onnxruntime", "use_gpu": True}
    yield "ONNX Runtime, GPU", onnx_gpu
    yield "ONNX Runtime, GPU tf32", {**onnx_gpu, "precision": "tf32"}


def _full_batches(job: Job, predictor: Predictor, size: int) -> list[list[np.ndarray]]:
    """Returns some full batches; if there are too few rows for one, they are repeated."""
    batches = []
    for columns in itertools.islice(job.source(size).batches(0), _BATCHES):
        arrays = tensors.prepare_inputs(predictor.inputs, columns)
        if len(arrays[0]) == size or not batches:
            batches.append([np.resize(array, (size, *array.shape[1:])) for array in arrays])
    return batches


def _measure(
    runners: list[Runner], batches: list[list[np.ndarray]], size: int, warmup: int
) -> None:
    """Sets the difference of each runner, and its milliseconds at a batch size."""
    expected = runners[0].predictor.run(batches[0])
    for runner in runners:
        pairs = zip(runner.predictor.run(batches[0]), expected)
        runner.difference = max(difference(*pair) for pair in pairs)
        runner.milliseconds[size] = []
        for batch in itertools.islice(itertools.cycle(batches), warmup):
            runner.predictor.run(batch)
    for _ in range(_ROUNDS):
        for runner in runners:
            deadline = time.perf_counter() + _SECONDS / _ROUNDS
            for batch in itertools.cycle(batches):
                began = time.perf_counter()
                runner.predictor.run(batch)
                ended = time.perf_counter()
                runner.milliseconds[size].append(1e3 * (ended - began))
                if ended > deadline:
                    break
