"""Whether a checkpoint's parameters are a model's, and which of them a warm start takes."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.system.errors import UserError

logger = logging.getLogger(__name__)

Arrays = Mapping[str, np.ndarray]


def check(saved: Arrays, shapes: Mapping[str, tuple], folder: str) -> None:
    """Makes sure that a checkpoint has each of the model's parameters in the right shape.

    Raises:
        UserError: it has not; the message names the first difference.
    """
    for name, shape in shapes.items():
        if name not in saved:
            raise UserError(f"{folder} does not fit the model: it has no parameter {name}")
        if tuple(saved[name].shape) != shape:
            found = tuple(saved[name].shape)
            raise UserError(
                f"{folder} does not fit the model: {name} has shape {found} there, {shape} here"
            )
    extra = sorted(set(saved) - set(shapes))
    if extra:
        raise UserError(
            f"{folder} does not fit the model, which has no parameter {extra[0]}: was it trained "
            "with these hyper_parameters?"
        )


def select(saved: Arrays, shapes: Mapping[str, tuple], scope: Any, sparse: set) -> dict:
    """Returns the saved parameters that a warm start takes, and logs what it does not.

    Args:
        saved: parameters by name.
        shapes: the model's own parameters, by the same kind of name.
        scope: ``runner.init_scope``.
        sparse: names of the model's embedding tables.

    Raises:
        UserError: nothing fits.
    """
    if scope == "all":
        wanted = set(shapes)
    elif scope == "sparse":
        wanted = sparse
    else:
        wanted = {
            name for name in shapes if any(fnmatch.fnmatchcase(name, pattern) for pattern in scope)
        }
    missing = sorted(wanted - set(saved))
    other = sorted(name for name in wanted & set(saved) if tuple(saved[name].shape) != shapes[name])
    taken = {name: saved[name] for name in wanted if name in saved and name not in other}
    logger.info("warm start: %d of %d parameters loaded", len(taken), len(shapes))
    for name in sorted(taken):
        logger.info("warm start: loaded %s", name)
    for pattern in scope if isinstance(scope, list) else ():
        if not fnmatch.filter(shapes, pattern):
            logger.warning("warm start: no parameter is called %s", pattern)
    for name in missing:
        logger.warning("warm start: %s is not in the checkpoint", name)
    for name in other:
        logger.warning(
            "warm start: %s has shape %s in the checkpoint, %s here",
            name,
            tuple(saved[name].shape),
            shapes[name],
        )
    if not taken:
        raise UserError(f"warm start: no parameter fits (runner.init_scope = {scope!r})")
    return taken
