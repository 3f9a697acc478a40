"""Compares a checkpoint's parameters with a model's, and selects those of a warm start."""

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
    """Checks that a checkpoint and a model have the same parameters in the same shapes.

    Args:
        saved: the checkpoint's parameters by name.
        shapes: the shapes of the model's parameters by name.
        folder: the checkpoint's folder, for the error.

    Raises:
        UserError: they differ; the message names the first difference.
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
            f"{folder} does not fit the model: the model has no parameter {extra[0]}; check that "
            "the checkpoint was trained with these hyper_parameters"
        )


def select(saved: Arrays, shapes: Mapping[str, tuple], scope: Any, sparse: set) -> dict:
    """Returns the saved parameters that a warm start loads; logs the others.

    Args:
        saved: the checkpoint's parameters by name.
        shapes: the shapes of the model's parameters by name.
        scope: ``runner.init_scope``.
        sparse: the names of the model's embedding tables.

    Raises:
        UserError: no parameter fits.
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
    misfits = sorted(
        name for name in wanted & set(saved) if tuple(saved[name].shape) != shapes[name]
    )
    selected = {name: saved[name] for name in wanted if name in saved and name not in misfits}
    logger.info("warm start: %d of %d parameters loaded", len(selected), len(shapes))
    for name in sorted(selected):
        logger.info("warm start: loaded %s", name)
    for pattern in scope if isinstance(scope, list) else ():
        if not fnmatch.filter(shapes, pattern):
            logger.warning("warm start: no parameter matches %s", pattern)
    for name in missing:
        logger.warning("warm start: %s is not in the checkpoint", name)
    for name in misfits:
        logger.warning(
            "warm start: %s has shape %s in the checkpoint, %s here",
            name,
            tuple(saved[name].shape),
            shapes[name],
        )
    if not selected:
        raise UserError(f"warm start: no parameter fits (runner.init_scope = {scope!r})")
    return selected
