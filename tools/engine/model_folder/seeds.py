"""Seeds as each kind of model folder expects them."""

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

    PaddleRec gives Paddle the seed itself, so a folder written for it starts from the same
    parameters here.
    """
    seed = config.runner("seed")
    process.seed_everything(seed)
    if loading.is_paddlerecs(config):
        import paddle

        paddle.seed(seed)


def before_epoch(config: Config, epoch: int) -> None:
    """Seeds an epoch of training, so that a resumed run draws what an undisturbed one does.

    PaddleRec seeds once, before it builds the model; so the first epoch of a folder written for
    it goes on from there. (What an undisturbed run draws later depends on all before it.)
    """
    seed, rank = config.runner("seed"), processes.current().rank
    if epoch or not loading.is_paddlerecs(config):
        process.seed_everything(seed, epoch + 1, rank)
    elif rank:
        process.seed_paddle(seed, epoch + 1, rank)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Lets random numbers go on afterwards as if none had been drawn inside."""
    import paddle

    generator = paddle.framework.core.default_cpu_generator()  # the device may have another
    of_cpu, of_device = generator.get_state(), paddle.get_rng_state()
    python, arrays = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)
        generator.set_state(of_cpu)
        paddle.set_rng_state(of_device)
