"""Trains the same MMoE in plain eager PyTorch, with the data in memory: only the steps.

    python benchmarks/torch_loop.py --data DIR [--batch_size 32] [--epochs 1] [--max_rows N]
                                    [--variant plain|fused]

It is a reference for speed. Features are scaled and in memory as tensors before the clock starts.
Rows are shuffled, and a batch is gathered with one index. There are no metrics, log lines or
checkpoints. Numbers below 1e-38 are flushed to zero, as in this project's engine.

  plain   one Linear for each expert, gate and tower; torch.optim.Adam with its defaults
  fused   one matrix product for all experts and gates, batched ones for towers; Adam(fused=True)

DIR contains text files. A line has two labels (marital, income) and --feature_size features. Parsed
copies of this project beside them are used, or made. The program needs NumPy and PyTorch
(requirements-bench.txt), but not Paddle. The last line on standard output is a JSON object; its
rows_per_second is without the first 50 batches.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import steady
import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from datasets.readers.text_matrix import TextMatrix

DENSE = 11  # first features, which are numbers; the others are one-hot
EXPERTS, EXPERT_SIZE, TOWER_SIZE, TASKS = 8, 16, 8, 2


class Plain(nn.Module):
    """One layer for each expert, gate and tower."""

    def __init__(self, feature_size: int):
        super().__init__()
        self.experts = nn.ModuleList(nn.Linear(feature_size, EXPERT_SIZE) for _ in range(EXPERTS))
        self.gates = nn.ModuleList(nn.Linear(feature_size, EXPERTS) for _ in range(TASKS))
        self.towers = nn.ModuleList(
            nn.Sequential(nn.Linear(EXPERT_SIZE, TOWER_SIZE), nn.ReLU(), nn.Linear(TOWER_SIZE, 2))
            for _ in range(TASKS)
        )

    def loss(self, x, labels):
        """Returns the sum of the tasks' mean cross-entropies; ``labels`` are ``[tasks, batch]``."""
        experts = torch.stack([F.relu(expert(x)) for expert in self.experts], 1)
        total = 0.0
        for gate, tower, label in zip(self.gates, self.towers, labels):
            weights = torch.softmax(gate(x), 1).unsqueeze(2)
            total = total + F.cross_entropy(tower((experts * weights).sum(1)), label)
        return total


class Fused(nn.Module):
    """The same net with as few matrix products as PyTorch allows."""

    def __init__(self, feature_size: int):
        super().__init__()
        self.first = nn.Linear(feature_size, EXPERTS * EXPERT_SIZE + TASKS * EXPERTS)
        self.hidden = nn.Parameter(torch.empty(TASKS, EXPERT_SIZE, TOWER_SIZE))
        self.hidden_bias = nn.Parameter(torch.zeros(TASKS, 1, TOWER_SIZE))
        self.output = nn.Parameter(torch.empty(TASKS, TOWER_SIZE, 2))
        self.output_bias = nn.Parameter(torch.zeros(TASKS, 1, 2))
        for weight in (self.hidden, self.output):
            nn.init.uniform_(weight, -(weight.shape[1] ** -0.5), weight.shape[1] ** -0.5)

    def loss(self, x, labels):
        """Returns the sum of the tasks' mean cross-entropies; ``labels`` are ``[tasks, batch]``."""
        experts, gates = self.first(x).split([EXPERTS * EXPERT_SIZE, TASKS * EXPERTS], 1)
        experts = F.relu(experts).view(-1, EXPERTS, EXPERT_SIZE)
        weights = torch.softmax(gates.view(-1, TASKS, EXPERTS), 2)
        mixed = torch.bmm(weights, experts).transpose(0, 1)
        hidden = F.relu(torch.baddbmm(self.hidden_bias, mixed, self.hidden))
        logits = torch.baddbmm(self.output_bias, hidden, self.output)
        return TASKS * F.cross_entropy(logits.flatten(0, 1), labels.flatten())


def read(folder: str, feature_size: int, max_rows: int | None):
    """Returns scaled features ``[rows, feature_size]`` and labels ``[tasks, rows]``."""
    matrix = TextMatrix(steady.files_of(folder), feature_size + 2)
    rows = slice(0, min(len(matrix), max_rows or len(matrix)))
    features = np.array(matrix.take(rows, slice(2, None)))
    dense = features[:, :DENSE]
    dense -= dense.mean(axis=0, dtype=np.float64)
    deviation = dense.std(axis=0, dtype=np.float64)
    dense /= np.where(deviation > 0, deviation, 1)
    labels = np.ascontiguousarray(matrix.take(rows, slice(0, 2)).T.astype(np.int64)[::-1])
    return torch.from_numpy(features), torch.from_numpy(labels)


def train(arguments: argparse.Namespace) -> dict:
    """Trains and returns the measurements."""
    torch.set_flush_denormal(True)
    torch.manual_seed(12345)
    features, labels = read(arguments.data, arguments.feature_size, arguments.max_rows)
    fused = arguments.variant == "fused"
    net = (Fused if fused else Plain)(arguments.feature_size)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001, fused=True if fused else None)
    size, rows = arguments.batch_size, len(features)
    clock = steady.Steady()
    for _ in range(arguments.epochs):
        clock.start_epoch()
        order = torch.randperm(rows)
        for start in range(0, rows, size):
            batch = order[start : start + size]
            loss = net.loss(features[batch], labels[:, batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            clock.step(len(batch))
        clock.end_epoch()
    return {**clock.figures(), "last_loss": loss.item(), "torch": torch.__version__}


def main() -> None:
    """Runs the command."""
    parser = steady.parser(__doc__)
    parser.add_argument("--variant", choices=["plain", "fused"], default="plain")
    arguments = parser.parse_args()
    steady.report(lambda: train(arguments))


if __name__ == "__main__":
    main()
