"""Measures what tasks of several types cost beside binary ones, in one MMoE.

    python benchmarks/task_types.py [--batch_size 32 1024] [--rounds 15] [--steps 60]

Both nets have five tasks, 40 dense features and 20 sparse fields of 1,000 ids. One has five binary
tasks. The other has two binary tasks, a class of five, a watch time (Huber loss of log(1 + y),
sample weights) and a count, and a tenth of its labels are missing. They take their training steps
alternately, in one process with one thread; rows are prepared inside the measured time. A line is
a batch size: the median rows/s of both, and the median of the rounds' ratios with their quartiles.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import paddle

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "models" / "multitask" / "mmoe")]

from dygraph_model import DygraphModel  # noqa: E402

DENSE, FIELDS, IDS = 40, 20, 1000
BINARY = [{"name": f"task_{place}", "label_column": place} for place in range(5)]
MIXED = [
    *BINARY[:2],
    {"name": "rating", "label_column": 2, "type": "multiclass", "class_num": 5},
    {
        "name": "watch",
        "label_column": 3,
        "type": "regression",
        "loss": "huber",
        "transform": "log1p",
        "sample_weight": "weight",
    },
    {"name": "visits", "label_column": 4, "type": "count"},
]


def rows(count: int, mixed: bool) -> list[np.ndarray]:
    """Returns dense numbers, ids, labels and, for mixed tasks, sample weights."""
    random = np.random.default_rng(1)
    inputs = [
        random.normal(size=(count, DENSE)).astype(np.float32),
        random.integers(0, IDS, (count, FIELDS)),
    ]
    labels = [random.integers(0, 2, (count, 1)) for _ in range(5)]
    if not mixed:
        return [*inputs, *labels]
    labels[2] = random.integers(0, 5, (count, 1))
    labels[3] = random.exponential(30, (count, 1)).astype(np.float32)
    labels[4] = random.poisson(2, (count, 1)).astype(np.float32)
    for label in labels:
        absent = random.random((count, 1)) < 0.1
        label[absent] = np.nan if label.dtype == np.float32 else -100
    return [*inputs, *labels, random.random((count, 1)).astype(np.float32)]


class Training:
    """An MMoE that trains on generated rows."""

    def __init__(self, tasks: list[dict], count: int):
        settings = {"tasks": tasks, "gate_num": 5, "dense_input_dim": DENSE}
        settings["sparse_fields"] = [{"name": f"f{n}", "size": IDS} for n in range(FIELDS)]
        config = {f"hyper_parameters.{key}": value for key, value in settings.items()}
        paddle.seed(1)
        self._model = DygraphModel()
        self._net = self._model.create_model(config)
        self._optimizer = self._model.create_optimizer(self._net, config)
        self._model.create_metrics()
        self._rows = rows(count, tasks is MIXED)

    def rows_per_second(self, size: int) -> float:
        """Trains on all rows in batches of a size; returns the speed."""
        block = [column.copy() for column in self._rows]
        began = time.perf_counter()
        for batch in self._model.prepare(self._net, block, size):
            loss, _, _ = self._model.step_forward(self._net, None, batch, {})
            loss.backward()
            self._optimizer.step()
            self._optimizer.clear_grad()
        seconds = time.perf_counter() - began
        for metric in self._model._scores.metrics:
            metric.accumulate()  # not measured: it is computed once per log line
        return len(block[0]) / seconds


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch_size", type=int, nargs="+", default=[32, 1024])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    for size in options.batch_size:
        binary, mixed = (Training(tasks, size * options.steps) for tasks in (BINARY, MIXED))
        for training in (binary, mixed):
            training.rows_per_second(size)  # the first steps write the fast step
        speeds = np.array(
            [
                (binary.rows_per_second(size), mixed.rows_per_second(size))
                for _ in range(options.rounds)
            ]
        )
        ratios = np.percentile(speeds[:, 1] / speeds[:, 0], [25, 50, 75])
        of_binary, of_mixed = np.median(speeds, axis=0)
        print(
            f"batch {size}: binary {of_binary:.0f} rows/s, mixed {of_mixed:.0f} rows/s, ratio "
            f"{ratios[1]:.2f} ({ratios[0]:.2f} to {ratios[2]:.2f})"
        )


if __name__ == "__main__":
    main()
