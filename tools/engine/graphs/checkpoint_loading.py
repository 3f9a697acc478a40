"""Checkpoints whose parameters have PaddleRec's names."""

from __future__ import annotations

import logging
import os
from typing import Any

import paddle

from engine.checkpoints import matching, store
from engine.config.config import Config
from engine.system.errors import UserError

logger = logging.getLogger(__name__)


def parameters(session: Any, folder: str) -> tuple[store.Arrays, str]:
    """Returns a checkpoint's parameters as a session reads them, and the prefix of their names.

    PaddleRec's names become the net's own, where the model knows them.

    Raises:
        UserError: there is no checkpoint, or it is not of such a net.
    """
    saved, prefix = store.parameters(folder, session.prefix)
    try:
        translated = session.from_paddlerec(saved)
    except ValueError as error:
        raise UserError(f"{folder} does not fit the model: {error}") from error
    if translated is None:
        return session.relevant(saved, prefix), prefix
    logger.info("%s has PaddleRec's names; inputs are taken as they are, as there", folder)
    return translated, "rec"


def convert(config: Config, source: str, target: str, names: str, prefix: str) -> None:
    """Rewrites a checkpoint's parameters under other names.

    Args:
        config: the model's configuration.
        source: the folder of the checkpoint, under either names and of either graph.
        target: the folder to write into.
        names: ``paddlerec`` or ``paddlemtl``.
        prefix: ``rec`` or ``rec_static``, for the graph that shall read the result.

    Raises:
        UserError: the checkpoint is not of such a net, PaddleRec has no such net, or the result
            cannot be written.
    """
    from engine.graphs.dygraph import DygraphSession

    store.check_writable(target)
    session = DygraphSession(config)
    saved, found = parameters(session, source)
    matching.check(saved, session.shapes(found), source)
    session.load(saved, found)
    if names == "paddlerec":
        try:
            written = session.to_paddlerec(static=prefix == "rec_static")
        except ValueError as error:
            raise UserError(f"{source}: {error}") from error
    else:
        written = session.arrays(prefix)
    path = os.path.join(target, f"{prefix}.pdparams")
    try:
        os.makedirs(target, exist_ok=True)
        paddle.save(written, f"{path}.new")
        os.replace(f"{path}.new", path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    logger.info("wrote %d parameters to %s", len(written), path)
