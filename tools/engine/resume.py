"""Where training starts: anew, warm, after the newest checkpoint, or inside an epoch."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

from engine import checkpoint, foreign, formats, interrupts, learned, matching, progress
from engine.batches import Source
from engine.clock import Clock
from engine.config import Config
from engine.errors import UserError

logger = logging.getLogger(__name__)

# What must be the same for the rest of an epoch to be that of an undisturbed run.
_ORDER = ("train_batch_size", "shuffle")
_INSIDE = ("replay", "skipped", "length", *_ORDER)  # said of a run inside an epoch


class Position(NamedTuple):
    """Where training starts.

    Attributes:
        epoch: the first epoch to train.
        batches: how many of its batches are done.
        folder: the checkpoint that was made there; empty if none was.
        replay: whether those batches must be taken again to draw the same random numbers.
        skipped: how many of them were skipped.
    """

    epoch: int = 0
    batches: int = 0
    folder: str = ""
    replay: bool = False
    skipped: int = 0


def start(session: Any, config: Config, source: Source) -> Position:
    """Prepares a session for training: resumes, or starts warm or anew."""
    if config.runner("resume"):
        root = config.runner("model_save_path")
        found = checkpoint.newest(root, session.prefix)
        if found:
            return _resume(session, config, source, *found)
        logger.info("nothing to resume in %s: starting anew", root)
    session.fit_inputs(source)
    folder = config.runner("model_init_path")
    if folder:
        saved, prefix = foreign.parameters(session, folder)
        scope = config.runner("init_scope")
        tables = session.embeddings(prefix) if scope == "sparse" else set()
        session.load(matching.choose(saved, session.shapes(prefix), scope, tables), prefix)
    return Position()


def _resume(session: Any, config: Config, source: Source, folder: str, saved: dict) -> Position:
    needed = ("seed", "epoch", *(_INSIDE if "batches" in saved else ()))
    absent = [name for name in needed if name not in saved]
    if absent:
        raise UserError(f"{folder}/{session.prefix}.json is damaged: it has no {absent[0]}")
    if saved["seed"] != config.runner("seed"):
        raise config.error("runner.seed", f"the run to resume has seed {saved['seed']}")
    learned.check(config, saved, folder)
    problem = other_tasks(saved, session)
    if problem:
        raise UserError(f"{folder} {problem}")
    position = Position(saved["epoch"] + 1)
    if "batches" in saved:
        inside = (saved[name] for name in ("replay", "skipped"))
        position = Position(saved["epoch"], saved["batches"], folder, *inside)
        for name in _ORDER:
            if saved[name] != config.runner(name):
                reason = f"the epoch to go on with has {name} = {saved[name]}"
                raise config.error(f"runner.{name}", f"{reason} ({folder})")
        if saved["length"] != length(source):
            raise UserError(
                f"{folder}: the training data have changed: the epoch to go on with has "
                f"{saved['length']} batches, found {length(source)}"
            )
    session.load_state(checkpoint.state(folder, session.prefix, session.shapes()))
    logger.info("resuming after %s", folder)
    return position


def enter(session: Any, batches: Iterator[tuple[Any, int]], position: Position) -> None:
    """Brings a session and its epoch's batches to where the interrupted run left them."""
    logger.info("epoch %d: going on after batch %d", position.epoch, position.batches - 1)
    for _ in range(position.batches):
        interrupts.check()
        batch, _ = next(batches, (None, 0))
        if batch is None:
            raise UserError(f"{position.folder}: the training data have fewer batches now")
        if position.replay:
            session.train_step(batch, Clock())
    if position.replay:
        state = checkpoint.state(position.folder, session.prefix, session.shapes())
        session.load_state(state)
    session.skipped = position.skipped
    path = checkpoint.path_of(position.folder, session.prefix, formats.PROGRESS)
    progress.restore(formats.read(path), session.metric_objects)


def save_interrupted(session: Any, config: Config, source: Source, epoch: int, done: int) -> str:
    """Saves a run inside an epoch, beside the epochs; returns the folder.

    Args:
        session: what was trained.
        config: its configuration.
        source: the training batches.
        epoch: the epoch.
        done: how many of its batches are done.
    """
    parts = session.state()
    seed = config.runner("seed")
    arrays, replay = progress.capture(session.metric_objects, seed, epoch)
    about = {
        **facts(session, config),
        "batches": done,
        "replay": replay,
        "skipped": session.skipped,
        "length": length(source),
        **{name: config.runner(name) for name in _ORDER},
    }
    return checkpoint.save(
        config.runner("model_save_path"),
        epoch,
        session.prefix,
        {**parts, formats.PROGRESS: arrays},
        about,
        name=checkpoint.INTERRUPTED,
        form=config.runner("checkpoint_format"),
    )


def facts(session: Any, config: Config) -> dict[str, Any]:
    """Returns what a checkpoint says about the run that saved it."""
    about = {"seed": config.runner("seed"), "metrics": session.metric_names}
    return {**about, **learned.facts(config)}


def other_tasks(saved: dict, session: Any) -> str:
    """Returns how a checkpoint's tasks differ from the session's; their order counts."""
    trained = saved.get("metrics", session.metric_names)
    if trained == session.metric_names:
        return ""
    return f"was trained for {', '.join(trained)}, not for {', '.join(session.metric_names)}"


def length(source: Source) -> int | None:
    """Returns the number of batches in an epoch, or None for a stream."""
    try:
        return len(source)
    except (TypeError, RuntimeError):  # a stream does not know
        return None
