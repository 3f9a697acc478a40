"""Seeds random numbers for folders of this project and for those written for PaddleRec."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from engine.config.config import Config
from engine.distributed import processes
from engine.model_folder import loading
from engine.system import process


def before_building(config: Config) -> None:
    """Seeds Paddle, NumPy and ``random`` before a model is built.

    A folder written for PaddleRec starts from the same parameters as there: PaddleRec passes
    ``runner.seed`` to Paddle unchanged.
    """
    seed = config.runner("seed")
    process.seed_everything(seed)
    if loading.written_for_paddlerec(config):
        import paddle

        paddle.seed(seed)


def before_epoch(config: Config, epoch: int) -> None:
    """Seeds an epoch of training, so that a resumed run draws the same random numbers.

    PaddleRec seeds only once, before it builds the model. So the first epoch of a folder written
    for PaddleRec is not seeded again.
    """
    seed, rank = config.runner("seed"), processes.current().rank
    if epoch or not loading.written_for_paddlerec(config):
        process.seed_everything(seed, epoch + 1, rank)
    elif rank:
        process.seed_paddle(seed, epoch + 1, rank)


@contextmanager
def restored_state() -> Iterator[None]:
    """Restores the state of all random number generators after a block."""
    import paddle

    generator = paddle.framework.core.default_cpu_generator()  # a GPU has another one
    cpu_state, device_state = generator.get_state(), paddle.get_rng_state()
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        generator.set_state(cpu_state)
        paddle.set_rng_state(device_state)
