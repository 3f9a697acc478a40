"""Trains MMoE as PaddleRec's dygraph trainer does, on text files in the census format.

    python benchmarks/paddlerec_loop.py --data DIR [--batch_size 32] [--epochs 1] [--max_rows N]

It is a reference for speed. It was written from measurements and from the contract in
docs/compatibility.md, not from PaddleRec's code, and uses nothing of this project's engine. A
row-wise reader converts every cell to a Python float. There are paddle.io's DataLoader and one
Linear for each expert, gate and tower. Outputs are probabilities instead of logits. Two
paddle.metric.Auc get NumPy arrays in each step. The optimizer is Adam, with a log line every 100
batches. The sizes are the defaults of MMoE.

DIR contains text files. A line has two labels (marital, income) and --feature_size features. The
last line on standard output is a JSON object; its rows_per_second is without the first 50 batches.
"""

from __future__ import annotations

import argparse
import logging
import time

import numpy as np
import paddle
import paddle.nn.functional as F
import steady
from paddle import nn
from paddle.io import DataLoader, IterableDataset

PRINT_INTERVAL = 100  # batches
TASKS = ("income", "marital")
logger = logging.getLogger(__name__)


class Rows(IterableDataset):
    """The rows of a folder's text files, in the order of the files.

    Args:
        folder: the folder of the files, without hidden files.
        max_rows: number of rows of an epoch; None for all rows.
    """

    def __init__(self, folder: str, max_rows: int | None):
        super().__init__()
        self._paths = steady.files_of(folder)
        self._max_rows = max_rows

    def __iter__(self):
        left = self._max_rows
        for path in self._paths:
            with open(path, encoding="utf-8") as file:
                for line in file:
                    if left == 0:
                        return
                    left = None if left is None else left - 1
                    cells = line.strip().split(",")
                    features = [float(cell) for cell in cells[2:]]
                    yield [
                        np.array(features, dtype="float32"),
                        np.array([int(cells[1])], dtype="int64"),
                        np.array([int(cells[0])], dtype="int64"),
                    ]


def _linear(in_size: int, out_size: int) -> nn.Linear:
    """Returns a layer with constant initial values, as in PaddleRec."""
    start = nn.initializer.Constant(0.1)
    attributes = {name: paddle.ParamAttr(initializer=start) for name in ("weight", "bias")}
    return nn.Linear(in_size, out_size, attributes["weight"], attributes["bias"])


class MMoE(nn.Layer):
    """Multi-gate mixture of experts, one layer for each expert, gate and tower."""

    def __init__(self, feature_size: int, experts: int, expert_size: int, tower_size: int):
        super().__init__()
        self._experts, self._gates, self._towers, self._outputs = [], [], [], []
        for number in range(experts):
            layer = _linear(feature_size, expert_size)
            self._experts.append(self.add_sublayer(f"expert_{number}", layer))
        for number in range(len(TASKS)):
            gate = _linear(feature_size, experts)
            tower = _linear(expert_size, tower_size)
            output = _linear(tower_size, 2)
            self._gates.append(self.add_sublayer(f"gate_{number}", gate))
            self._towers.append(self.add_sublayer(f"tower_{number}", tower))
            self._outputs.append(self.add_sublayer(f"tower_out_{number}", output))

    def forward(self, x):
        """Returns the class probabilities of each task, ``[batch, 2]``."""
        experts = [F.relu(expert(x)) for expert in self._experts]
        stacked = paddle.stack(experts, axis=1)
        probabilities = []
        for gate, tower, output in zip(self._gates, self._towers, self._outputs):
            weights = F.softmax(gate(x)).unsqueeze(2)
            mixed = paddle.sum(stacked * weights, axis=1)
            probabilities.append(F.softmax(output(F.relu(tower(mixed)))))
        return probabilities


def train(arguments: argparse.Namespace) -> dict:
    """Trains and returns the measurements."""
    paddle.seed(12345)
    net = MMoE(arguments.feature_size, 8, 16, 8)
    optimizer = paddle.optimizer.Adam(learning_rate=0.001, parameters=net.parameters())
    metrics = [paddle.metric.Auc() for _ in TASKS]
    loader = DataLoader(
        Rows(arguments.data, arguments.max_rows), batch_size=arguments.batch_size, drop_last=True
    )
    clock = steady.Steady()
    for epoch in range(arguments.epochs):
        for metric in metrics:
            metric.reset()
        clock.start_epoch()
        interval_started = time.perf_counter()
        for batch_id, (features, *labels) in enumerate(loader):
            predictions = net(features)
            losses = [
                F.log_loss(prediction[:, 1:2], label.astype("float32")).mean()
                for prediction, label in zip(predictions, labels)
            ]
            loss = losses[0] + losses[1]
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
            for metric, prediction, label in zip(metrics, predictions, labels):
                metric.update(preds=prediction.numpy(), labels=label.numpy())
            if batch_id % PRINT_INTERVAL == 0:
                scores = ", ".join(
                    f"auc_{task}:{metric.accumulate():.6f}" for task, metric in zip(TASKS, metrics)
                )
                seconds = time.perf_counter() - interval_started
                logger.info(
                    "epoch: %d, batch_id: %d, %s, loss:%.6f, interval: %.5f sec",
                    *(epoch, batch_id, scores, loss.item(), seconds),
                )
                interval_started = time.perf_counter()
            clock.step(len(features))
        clock.end_epoch()
    auc = {task: float(metric.accumulate()) for task, metric in zip(TASKS, metrics)}
    return {**clock.figures(), "auc": auc, "paddle": paddle.__version__}


def main() -> None:
    """Runs the command."""
    arguments = steady.parser(__doc__).parse_args()
    form = "%(asctime)s - %(levelname)s - %(message)s"
    logging.basicConfig(
        format=form, level=logging.INFO, force=True
    )  # replaces the handler of Paddle
    steady.report(lambda: train(arguments))


if __name__ == "__main__":
    main()
