"""Checkpoints whose parameters have PaddleRec's names."""

from __future__ import annotations

import logging
from typing import Any

from engine import checkpoint
from engine.errors import UserError

logger = logging.getLogger(__name__)


def parameters(session: Any, folder: str) -> tuple[checkpoint.Arrays, str]:
    """Returns a checkpoint's parameters as a session reads them, and the prefix of their names.

    PaddleRec's names become the net's own, where the model knows them.

    Raises:
        UserError: there is no checkpoint, or it is not of such a net.
    """
    saved, prefix = checkpoint.parameters(folder, session.prefix)
    try:
        translated = session.from_paddlerec(saved)
    except ValueError as error:
        raise UserError(f"{folder} does not fit the model: {error}") from error
    if translated is None:
        return session.relevant(saved, prefix), prefix
    logger.info("%s has PaddleRec's names; inputs are taken as they are, as there", folder)
    return translated, "rec"
