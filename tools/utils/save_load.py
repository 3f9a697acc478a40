"""Checkpoints and exports, for scripts written with PaddleRec's ``utils.save_load``."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import paddle

from engine.checkpoints import formats, matching, store
from engine.model_folder import running_auc
from engine.system import device

logger = logging.getLogger(__name__)

_RATE = "learning_rate"  # prefix of the learning rate's variable; under PIR it is a parameter


def save_model(
    net: Any, optimizer: Any, model_path: str, epoch_id: Any, prefix: str = "rec"
) -> None:
    """Saves the parameters of a net and its optimizer to ``<model_path>/<epoch_id>/<prefix>.*``.

    Raises:
        UserError: they cannot be saved; an older checkpoint is unchanged.
    """
    _save(model_path, epoch_id, prefix, net.state_dict(), optimizer.state_dict())


def load_model(model_path: str, net: Any, prefix: str = "rec") -> None:
    """Loads the parameters of a net from ``<model_path>/<prefix>.pdparams``.

    Raises:
        UserError: there is no checkpoint, it is damaged, or it lacks a parameter of the net.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    net.set_state_dict(_read(model_path, prefix, shapes))


def save_static_model(
    program: Any, model_path: str, epoch_id: Any, prefix: str = "rec_static"
) -> None:
    """Saves a program's variables to ``<model_path>/<epoch_id>/<prefix>.*``; see `save_model`."""
    scope = paddle.static.global_scope()
    values = {name: np.array(value) for name, value in program.state_dict("all", scope).items()}
    names = [name for name in program.state_dict("param", scope) if not name.startswith(_RATE)]
    counters = running_auc.global_names()
    rest = {name: value for name, value in values.items() if name not in (*names, *counters)}
    _save(model_path, epoch_id, prefix, {name: values[name] for name in names}, rest)


def load_static_model(program: Any, model_path: str, prefix: str = "rec_static") -> None:
    """Loads a program's parameters from ``<model_path>/<prefix>.pdparams``; see `load_model`."""
    scope = paddle.static.global_scope()
    variables = {
        name: value
        for name, value in program.state_dict("param", scope).items()
        if not name.startswith(_RATE)
    }
    shapes = {name: tuple(value.shape()) for name, value in variables.items()}
    for name, array in _read(model_path, prefix, shapes).items():
        tensor = scope.find_var(name).get_tensor()
        tensor.set(np.ascontiguousarray(array), device.current_place())


def save_inference_model(
    model_path: str,
    epoch_id: Any,
    feed_vars: Sequence[Any],
    fetch_vars: Sequence[Any],
    exe: Any,
    prefix: str = "rec_inference",
) -> None:
    """Exports the default program to ``<model_path>/<epoch_id>/<prefix>.*``."""
    path = os.path.join(model_path, str(epoch_id), prefix)
    paddle.static.save_inference_model(path, list(feed_vars), list(fetch_vars), exe)
    logger.info("saved %s", path)


def save_jit_model(net: Any, model_path: str, prefix: str = "tostatic") -> None:
    """Exports a net of ``paddle.jit.to_static`` to ``<model_path>/<prefix>.*``."""
    paddle.jit.save(net, os.path.join(model_path, prefix))
    logger.info("saved %s", os.path.join(model_path, prefix))


def _save(root: str, epoch: Any, prefix: str, parameters: Mapping, optimizer: Mapping) -> None:
    parts = {"pdparams": parameters, "pdopt": optimizer}
    number = int(epoch) if str(epoch).isdigit() else 0
    folder = store.save(os.path.abspath(root), number, prefix, parts, {}, name=str(epoch))
    logger.info("saved %s", folder)


def _read(folder: str, prefix: str, shapes: Mapping[str, tuple]) -> dict[str, np.ndarray]:
    """Returns a checkpoint's parameters that a net has; it may have more, as in PaddleRec."""
    saved = formats.read(formats.find(os.path.join(folder, prefix), "pdparams"))
    needed = {name: array for name, array in saved.items() if name in shapes}
    matching.check(needed, shapes, folder)
    return needed
