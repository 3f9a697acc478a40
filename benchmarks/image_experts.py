"""Measures images/s of DSelect-k's image experts together against the same experts one by one.

    python benchmarks/image_experts.py [--batch_size 256] [--rounds 10]

A step is a forward and a backward pass on random images of 36 x 36, the size of Multi-MNIST. The
steps of both forms alternate in one process, so that other programs slow both down. The output is
the median of the rounds, without the first round.
"""

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from engine import command_line  # noqa: E402

EXPERTS, OUT, IMAGE = 8, 5, 36


def measure(batch_size: int, rounds: int) -> None:
    """Measures both forms and prints their speed."""
    import numpy as np
    import paddle
    from paddle import nn

    from models.common.layers.image_experts import ImageExperts

    def expert() -> nn.Layer:
        """Returns one expert, LeNet's form: two convolutions and a linear layer."""
        side = ((IMAGE - 4) // 2 - 4) // 2
        first = [nn.Conv2D(1, 10, 5), nn.MaxPool2D(2), nn.ReLU()]
        second = [nn.Conv2D(10, 20, 5), nn.MaxPool2D(2), nn.ReLU()]
        return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(20 * side**2, OUT), nn.ReLU())

    together = ImageExperts(IMAGE, EXPERTS, OUT)
    separate = nn.LayerList([expert() for _ in range(EXPERTS)])
    images = paddle.rand([batch_size, 1, IMAGE, IMAGE])
    steps = {
        "experts together": lambda: together(images),
        f"{EXPERTS} separate experts": lambda: paddle.stack([each(images) for each in separate]),
    }
    seconds = {name: [] for name in steps}
    for _ in range(rounds + 1):
        for name, step in steps.items():
            started = time.perf_counter()
            step().sum().backward()
            seconds[name].append(time.perf_counter() - started)
            for layer in (together, separate):
                layer.clear_gradients()
    for name, times in seconds.items():
        print(f"{name}: {batch_size / np.median(times[1:]):.0f} images/s")


def main() -> None:
    """Runs the command."""
    parser = command_line.Parser(__doc__)
    positive = {"type": command_line.at_least(1), "metavar": "N"}
    parser.add_argument("--batch_size", default=256, help="images; default: 256", **positive)
    parser.add_argument("--rounds", default=10, help="steps of each form; default: 10", **positive)
    arguments = parser.parse_args()
    measure(arguments.batch_size, arguments.rounds)


if __name__ == "__main__":
    command_line.run(main)
