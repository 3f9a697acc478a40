"""Creates the optimizer that a YAML names."""

from __future__ import annotations

from collections.abc import Sequence

import paddle

from datasets.readers.sparse_fields import fields_of
from models.common.hyper_parameters import SECTION, is_set, value
from models.common.optimizers.fused_adam import FusedAdam

_CLASSES = {
    "adam": FusedAdam,
    "adamw": paddle.optimizer.AdamW,
    "adagrad": paddle.optimizer.Adagrad,
    "momentum": paddle.optimizer.Momentum,
    "sgd": paddle.optimizer.SGD,
}
_SPARSE = ("adam", "adagrad", "sgd")  # those that take sparse gradients
_KEY = f"{SECTION}.optimizer"
_DECAY = {"adamw": 0.01}  # weight decay if it is not set; 0 for the others


def create_optimizer(config, parameters: Sequence | None = None) -> paddle.optimizer.Optimizer:
    """Returns the optimizer of ``hyper_parameters.optimizer``.

    Weight decay of AdamW is its own (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101):
    each step also multiplies every parameter by 1 - rate * weight_decay. For the other optimizers
    it is an L2 penalty: weight_decay times each parameter is added to its gradient.

    Gradients are clipped by their global norm: if it exceeds ``clip_grad_norm``, all gradients are
    scaled down to it (Pascanu et al. 2013, https://arxiv.org/abs/1211.5063, algorithm 1).

    Args:
        config: the flat configuration.
        parameters: the parameters in dygraph; None in static graph.

    Raises:
        ValueError: there is no such optimizer, it takes no sparse gradients, or a number is out
            of range.
    """
    name = str(value(config, "optimizer.class")).lower()
    if name not in _CLASSES:
        known, found = ", ".join(_CLASSES), value(config, "optimizer.class")
        raise ValueError(f"{_KEY}.class: expected {known}, found {found!r}")
    rate = _number(config, "learning_rate", "a positive number below 1e9", 0, 1e9, or_lowest=False)
    options = {}
    if name == "momentum":
        expected = "a number of at least 0 and less than 1"
        options["momentum"] = _number(config, "momentum", expected, 0, 1)
    elif is_set(config, "optimizer.momentum"):
        raise ValueError(f"{_KEY}.momentum: class = {name} does not use it")
    decay = _DECAY.get(name, 0.0)
    if value(config, "optimizer.weight_decay") is not None:
        decay = _number(config, "weight_decay", "a number of at least 0", 0, 1e9)
    if decay or name in _DECAY:
        options["weight_decay"] = decay
    if fields_of(config) and value(config, "sparse_gradients"):
        _check_sparse(name, decay)
        if name == "adam":
            options["lazy_mode"] = True
    if value(config, "optimizer.clip_grad_norm") is not None:
        expected = "a positive number below 1e30, or 0 for none"
        norm = _number(config, "clip_grad_norm", expected, 0, 1e30)
        if norm:
            options["grad_clip"] = paddle.nn.ClipGradByGlobalNorm(norm)
    return _CLASSES[name](learning_rate=rate, parameters=parameters, **options)


def _check_sparse(name: str, decay: float) -> None:
    """Raises a ValueError if an optimizer cannot train embedding tables with sparse gradients."""
    if name not in _SPARSE:
        raise ValueError(
            f"{_KEY}.class: {name} takes no sparse gradients: choose "
            f"{', '.join(_SPARSE)}, or set {SECTION}.sparse_gradients: False"
        )
    if decay:
        raise ValueError(
            f"{_KEY}.weight_decay: would change every row of a table in every step, and "
            f"its gradients are sparse: set {SECTION}.sparse_gradients: False"
        )


def _number(
    config, key: str, expected: str, lowest: float, limit: float, or_lowest: bool = True
) -> float:
    found = value(config, f"optimizer.{key}")
    fits = isinstance(found, (int, float)) and not isinstance(found, bool)
    if not fits or not lowest <= found < limit or (found == lowest and not or_lowest):
        raise ValueError(f"{_KEY}.{key}: expected {expected}, found {found!r}")
    return float(found)
