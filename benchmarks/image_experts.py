"""Images a second through DSelect-k's experts, forth and back, against eight separate nets.

    python benchmarks/image_experts.py

Both take turns in one process, so that a busy machine slows both; medians.
"""

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from engine.system import process  # noqa: E402

process.prepare()

import numpy as np  # noqa: E402
import paddle  # noqa: E402
from test_image_experts import EXPERTS, pair  # noqa: E402

BATCH, ROUNDS = 256, 10


def main() -> None:
    """Measures both and prints what was found."""
    together, plain = pair(36)
    images = paddle.rand([BATCH, 1, 36, 36])
    steps = {
        "experts together": lambda: together(images),
        f"{EXPERTS} separate experts": lambda: paddle.stack([expert(images) for expert in plain]),
    }
    seconds = {name: [] for name in steps}
    for _ in range(ROUNDS + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step().sum().backward()
            seconds[name].append(time.perf_counter() - start)
            for layer in (together, *plain):
                layer.clear_gradients()
    for name, times in seconds.items():
        print(f"{name}: {BATCH / np.median(times[1:]):.0f} images/s")  # the first warms up


if __name__ == "__main__":
    main()
