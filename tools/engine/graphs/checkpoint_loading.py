"""Loads checkpoints into sessions and compares their tasks."""

from __future__ import annotations

import logging
from typing import Any

from engine.checkpoints import find, matching, model_record
from engine.config.config import Config
from engine.data import encoding
from engine.graphs.session import Arrays, Session
from engine.system.errors import UserError

logger = logging.getLogger(__name__)


def parameters(
    session: Session, config: Config, folder: str, scope: Any = None
) -> tuple[Arrays, str]:
    """Returns a checkpoint's parameters by the session's names, and the prefix of these names.

    Names of PaddleRec's own checkpoints are translated if the model supports it.

    Args:
        session: the session.
        config: its configuration.
        folder: the checkpoint's folder.
        scope: ``runner.init_scope`` for a warm start, which may be from another model; None if the
            whole checkpoint is used.

    Raises:
        UserError: there is no checkpoint, its parameters belong to another net, or it was trained
            with other tasks, columns, hyper-parameters or another vocabulary.
    """
    about = find.facts(folder, session.prefix)
    if scope is None:
        model_record.check(config, about, folder)
        encoding.check_checkpoint(config, about, folder)
    else:
        model_record.check_warm(config, about, folder, scope)
    saved, prefix = find.parameters(folder, session.prefix)
    try:
        translated = session.from_paddlerec(saved)
    except ValueError as error:
        raise UserError(f"{folder} does not fit the model: {error}") from error
    if translated is None:
        return session.select_parameters(saved, prefix), prefix
    logger.info("%s has PaddleRec's parameter names: inputs are not standardised", folder)
    return translated, "rec"


def load(session: Session, config: Config, folder: str) -> dict[str, Any]:
    """Loads a checkpoint for evaluation and returns its facts.

    Raises:
        UserError: the checkpoint does not fit the model; see `parameters`.
    """
    saved, prefix = parameters(session, config, folder)
    matching.check(saved, session.shapes(prefix), folder)
    session.load(saved, prefix)
    about = find.facts(folder, session.prefix)
    problem = task_difference(about, session)
    if problem:
        logger.warning("%s %s", folder, problem)
    return about


def facts(session: Session, config: Config) -> dict[str, Any]:
    """Returns the facts that every checkpoint of a session records about its run."""
    run = {"seed": config.runner("seed"), "metrics": session.metric_names}
    record = {model_record.KEY: model_record.of(config)}
    return {**run, **encoding.checkpoint_facts(config), **record}


def task_difference(saved: dict, session: Session) -> str:
    """Returns how a checkpoint's tasks differ from the session's; an empty text if they agree.

    Args:
        saved: the checkpoint's facts.
        session: the session. Tasks in another order differ, too.
    """
    trained = saved.get("metrics", session.metric_names)
    if trained == session.metric_names:
        return ""
    return f"was trained for {', '.join(trained)}, not for {', '.join(session.metric_names)}"
