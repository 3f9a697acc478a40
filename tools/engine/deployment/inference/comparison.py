"""Every engine and option that this machine has, side by side on one model and its rows."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from engine.deployment.export.dygraph_export import TOLERANCE
from engine.deployment.exported_model import model_files, tensors
from engine.deployment.inference.job import Job
from engine.deployment.predictors import opening, predictor
from engine.system import environment
from engine.system.errors import UserError

_BATCH_SIZES = (1, 32, 1024)
_SECONDS = 1.0  # for one runner at one batch size, spread over the rounds
_ROUNDS = 5  # of all runners in turn: a machine that slows down slows all of them
_ROW = "{:>6}  {:<34} {:>9} {:>9} {:>11} {:>11}"


@dataclass
class Candidate:
    """One way to run the model.

    Attributes:
        name: what the table calls it.
        runner: the predictor.
        milliseconds: of each timed batch, by batch size.
        difference: the largest from the first candidate's outputs.
    """

    name: str
    runner: predictor.Predictor
    milliseconds: dict[int, list[float]] = field(default_factory=dict)
    difference: float = 0.0


def run(job: Job, batch_sizes: tuple[int, ...], warmup: int) -> None:
    """Times every candidate at each batch size and prints one table.

    Args:
        job: the model and the rows.
        batch_sizes: rows a batch; empty for 1, 32 and 1024.
        warmup: batches that each candidate runs first, untimed.
    """
    candidates = list(_candidates(job))
    if not candidates:
        raise UserError(f"nothing here runs {job.model.graph}")
    for name, value in environment.describe().items():
        print(f"{name}: {value}")
    print(_ROW.format("batch", "runner", "p50 ms", "p99 ms", "rows/s", "difference"))
    for size in batch_sizes or _BATCH_SIZES:
        batches = _batches(job, candidates[0].runner, size)
        _time(candidates, batches, size, warmup)
        exact = [one for one in candidates if one.difference <= TOLERANCE]
        fastest = min(exact, key=lambda one: np.median(one.milliseconds[size]))
        for one in candidates:
            p50, p99 = np.percentile(one.milliseconds[size], [50, 99])
            values = (f"{p50:.3f}", f"{p99:.3f}", f"{1e3 * size / p50:.0f}")
            line = _ROW.format(size, one.name, *values, f"{one.difference:.0e}")
            print(line + ("  <- fastest" if one is fastest else ""), flush=True)


def _candidates(job: Job) -> Iterator[Candidate]:
    """Opens every runner that can be had, and says why others cannot."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    for name, changes in _ways():
        for threads in sorted({1, cores}):
            options = predictor.Options(cpu_threads=threads, batch_size=max(_BATCH_SIZES))
            try:
                options = replace(options, **changes)
                model = model_files.in_format(job.model, options.engine)
                runner = opening.open_predictor(model, options)
            except UserError as error:
                print(f"not here: {name}: {error}", file=sys.stderr)
                break
            if options.use_gpu:
                yield Candidate(name, runner)
                break
            yield Candidate(f"{name}, {threads} thread{'s' * (threads > 1)}", runner)


def _ways() -> Iterator[tuple[str, dict]]:
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
    yield "ONNX Runtime, GPU", {"engine": "onnxruntime", "use_gpu": True}


def _batches(job: Job, runner: predictor.Predictor, size: int) -> list[list[np.ndarray]]:
    """Returns some full batches of the rows; few rows are repeated to fill one."""
    found = []
    for columns in itertools.islice(job.source(size).batches(0), 64):
        arrays = tensors.fit(runner.inputs, columns)
        if len(arrays[0]) == size or not found:
            found.append([np.resize(array, (size, *array.shape[1:])) for array in arrays])
    return found


def _time(
    candidates: list[Candidate], batches: list[list[np.ndarray]], size: int, warmup: int
) -> None:
    expected = candidates[0].runner.run(batches[0])
    for one in candidates:
        pairs = zip(one.runner.run(batches[0]), expected)
        one.difference = max(float(np.abs(found - right).max()) for found, right in pairs)
        one.milliseconds[size] = []
        for batch in itertools.islice(itertools.cycle(batches), warmup):
            one.runner.run(batch)
    for _ in range(_ROUNDS):
        for one in candidates:
            ends = time.perf_counter() + _SECONDS / _ROUNDS
            for batch in itertools.cycle(batches):
                began = time.perf_counter()
                one.runner.run(batch)
                done = time.perf_counter()
                one.milliseconds[size].append(1e3 * (done - began))
                if done > ends:
                    break
