"""Converts a checkpoint between this project's parameter names and PaddleRec's."""

from __future__ import annotations

import logging
import os

import paddle

from engine.checkpoints import matching, store
from engine.config.config import Config
from engine.graphs import checkpoint_loading
from engine.graphs.dygraph import DygraphSession
from engine.system import atomic_files, logs
from engine.system.errors import UserError

logger = logging.getLogger(__name__)


def convert(config: Config, source: str, target: str, names: str, prefix: str) -> None:
    """Writes the parameters of a checkpoint under the names that ``names`` selects.

    Args:
        config: the model's configuration.
        source: the checkpoint's folder, with either kind of names and of either graph.
        target: the folder to write into.
        names: ``paddlerec`` or ``paddlemtl``: whose names to write.
        prefix: ``rec`` for dygraph or ``rec_static`` for static graph.

    Raises:
        UserError: the checkpoint does not fit the net, PaddleRec has no such net, or the result
            cannot be written.
    """
    store.check_writable(target)
    session = DygraphSession(config)
    parameters, source_prefix = checkpoint_loading.parameters(session, source)
    matching.check(parameters, session.shapes(source_prefix), source)
    session.load(parameters, source_prefix)
    if names == "paddlerec":
        try:
            converted = session.to_paddlerec(static=prefix == "rec_static")
        except ValueError as error:
            raise UserError(f"{source}: {error}") from error
    else:
        converted = session.arrays(prefix)
    path = os.path.join(target, f"{prefix}.pdparams")
    with atomic_files.writing(path) as temporary:
        paddle.save(converted, temporary)
    text = "converted checkpoint %s to %s: %d parameters"
    logger.info(text, source, path, len(converted), extra=logs.RESULT)
