"""Rewrites a checkpoint under PaddleRec's parameter names, or from them."""

from __future__ import annotations

import logging
import os

import paddle

from engine.checkpoints import matching, store
from engine.config.config import Config
from engine.graphs import checkpoint_loading
from engine.graphs.dygraph import DygraphSession
from engine.system import atomic_files
from engine.system.errors import UserError

logger = logging.getLogger(__name__)


def convert(config: Config, source: str, target: str, names: str, prefix: str) -> None:
    """Rewrites a checkpoint's parameters under other names.

    Args:
        config: the model's configuration.
        source: the checkpoint's folder, with either kind of names and of either graph.
        target: the folder to write into.
        names: ``paddlerec`` or ``paddlemtl``, the names to write.
        prefix: ``rec`` or ``rec_static``, for the graph that will read the result.

    Raises:
        UserError: the checkpoint does not fit the net, PaddleRec has no such net, or the result
            cannot be written.
    """
    store.check_writable(target)
    session = DygraphSession(config)
    saved, found = checkpoint_loading.parameters(session, source)
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
    with atomic_files.writing(path) as building:
        paddle.save(written, building)
    logger.info("wrote %d parameters to %s", len(written), path)
