"""Starts from a checkpoint whose vocabularies the training has extended."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.checkpoints import find, formats, growing, layout, matching, model_record
from engine.config.config import Config
from engine.data import encoding
from engine.graphs import moving_averages
from engine.graphs.session import Session

logger = logging.getLogger(__name__)

_SCHEDULE = "LR_Scheduler"  # of an optimizer's state; a warm start begins its schedule anew


def warm_start(session: Session, config: Config, folder: str) -> None:
    """Loads a checkpoint by name; its ids keep their rows, and what it lacks starts fresh.

    If the nets have the same parameters, apart from the rows of new ids, the optimizer's state
    is taken, too.

    Raises:
        UserError: the checkpoint does not fit the model.
    """
    scope, about = config.runner("init_scope"), find.facts(folder, session.prefix)
    model_record.check_warm(config, about, folder, scope)
    prefix = find.prefix_of(folder, session.prefix)
    stem = layout.path_of(folder, prefix, "")[:-1]
    whole = scope == "all" and prefix == session.prefix and "tables" not in about
    if whole and os.path.isfile(formats.find(stem, "pdopt")):
        content = find.parts(folder, prefix)
    else:
        whole, content = False, {"pdparams": find.parameters(folder, prefix)[0]}
    content = grown(session, config, about, content, prefix)
    shapes, saved = session.shapes(prefix), content["pdparams"]
    if whole and shapes == {name: tuple(value.shape) for name, value in saved.items()}:
        content["pdopt"].pop(_SCHEDULE, None)
        session.load_state(content)
        logger.info("warm start: %d parameters and the optimizer's state loaded", len(shapes))
        return
    tables = session.embeddings(prefix) if scope == "sparse" else set()
    session.load(matching.select(saved, shapes, scope, tables), prefix)
    logger.info("warm start: the optimizer starts fresh: the checkpoint is not taken as a whole")


def grown(
    session: Session,
    config: Config,
    about: Mapping[str, Any],
    content: dict[str, Any],
    prefix: str,
) -> dict[str, Any]:
    """Returns a checkpoint's content in the shapes of the session's parameters; logs the changes.

    Rows of new ids are those of ``runner.new_rows``, and 0 in the optimizer's state.

    Args:
        session: the session.
        config: its configuration.
        about: the checkpoint's facts.
        content: its parts by file ending; their large arrays are replaced one by one.
        prefix: ``rec`` or ``rec_static``: whose names the content has.
    """
    reset = {}
    if encoding.extends(config, about):
        changes = encoding.vocabulary_changes(config, about["encoding"])
        reset = {name: change.reset for name, change in changes.items()}
        for name, change in changes.items():
            logger.info(
                "vocabulary of %s: %d ids kept, %d added, %d evicted; %d values wait for min_count",
                *(name, change.kept, change.added, change.evicted, change.waiting),
            )
    parameters = content["pdparams"]
    shapes = {name: tuple(np.shape(value)) for name, value in parameters.items()}
    records = (about.get(model_record.KEY, {}), model_record.of(config))
    moves = session.moves(*records, shapes, reset, prefix)
    fresh = session.parameters() if moves else {}
    fresh = {own: fresh[own] for own, *_ in moves.values()}
    trained, sums, steps = moving_averages.unpack(content)
    for name, (own, variable, move) in moves.items():
        new = fresh.pop(own)
        if shapes[name] != new.shape:
            logger.info("%s: shape %s becomes %s", name, shapes[name], new.shape)
        growing.moved(trained.get(name, parameters[name]), new, move)
        if move.is_table:
            growing.fill_rows(new, move, config.runner("new_rows"))
        if name in trained:
            # A new row has the average of a parameter that has always been what it is now.
            factor = moving_averages.weight(config.runner("ema_decay"), steps)
            sums[name] = growing.moved(sums[name], new / np.float32(factor), move)
            trained[name] = new
            new = growing.moved(parameters[name], new.copy(), move)
        parameters[name] = new
        _grow_state(content.get("pdopt", {}), variable, shapes[name], new.shape, move)
    if trained:
        content[formats.AVERAGES] = moving_averages.pack(trained, sums, steps)
    return content


def _grow_state(
    state: dict[str, Any], variable: str, old_shape: tuple, new_shape: tuple, move: Any
) -> None:
    """Moves the optimizer's arrays of a parameter, such as Adam's moments."""
    for name, value in state.items():
        if name.startswith(f"{variable}_") and np.shape(value) == old_shape:
            zeros = np.zeros(new_shape, np.asarray(value).dtype)
            state[name] = growing.moved(np.asarray(value), zeros, move)
