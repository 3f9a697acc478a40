"""A stand-in for PaddleRec's dygraph trainer on census-form text: MMoE with the classic sizes.

    python benchmarks/paddlerec_loop.py --data DIR [--batch_size 32] [--epochs 1] [--max_rows N]

It does what makes PaddleRec's loop what it is, and was written from measurements and from the
contract in docs/compatibility.md, not from its code: a row-wise reader that turns every cell of a
line into a Python float, paddle.io's DataLoader, one Linear for each expert, gate and tower,
probabilities instead of logits, two paddle.metric.Auc that get NumPy arrays every step, Adam, and
a log line every 100 batches. Nothing here comes from this project's engine.

DIR holds text files of two labels (marital, income) and --feature_size features a line. The last
line on standard output is a JSON object; rows_per_second is without the first 50 batches.
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
        folder: of the files; hidden ones do not count.
        max_rows: where an epoch ends, None for all rows.
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
    """Returns a layer that starts from one constant, as PaddleRec's do."""
    start = nn.initializer.Constant(0.1)
    attributes = {name: paddle.ParamAttr(initializer=start) for name in ("weight", "bias")}
    return nn.Linear(in_size, out_size, attributes["weight"], attributes["bias"])


class MMoE(nn.Layer):
    """Multi-gate mixture of experts, a layer for each part."""

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
        """Returns each task's class probabilities, ``[batch, 2]``."""
        experts = [F.relu(expert(x)) for expert in self._experts]
        stacked = paddle.stack(experts, axis=1)
        found = []
        for gate, tower, output in zip(self._gates, self._towers, self._outputs):
            weights = F.softmax(gate(x)).unsqueeze(2)
            mixed = paddle.sum(stacked * weights, axis=1)
            found.append(F.softmax(output(F.relu(tower(mixed)))))
        return found


def train(arguments: argparse.Namespace) -> dict:
    """Trains and returns what was measured."""
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
    logging.basicConfig(format=form, level=logging.INFO, force=True)  # Paddle has set up its own
    steady.report(lambda: train(arguments))


if __name__ == "__main__":
    main()
