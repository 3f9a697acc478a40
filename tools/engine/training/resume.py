"""Where training starts: anew, warm, after the newest checkpoint, or inside an epoch."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from engine.checkpoints import formats, matching, store
from engine.config.config import Config
from engine.data import encoding
from engine.data.batches import Source
from engine.distributed import processes
from engine.graphs import checkpoint_loading
from engine.system import interrupts
from engine.system.clock import Clock
from engine.system.errors import UserError
from engine.training import epoch_state

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
        first_row: the epoch's row that the first of its batches begins with; before it are the
            rows that a run of another number of processes took.
        same: whether as many processes as now were there.
    """

    epoch: int = 0
    batches: int = 0
    folder: str = ""
    replay: bool = False
    skipped: int = 0
    first_row: int = 0
    same: bool = True


def start(session: Any, config: Config, source: Source) -> Position:
    """Prepares a session for training: resumes, or starts warm or anew."""
    world = processes.current()
    world.agree("rows", getattr(source, "rows", None), "each host needs the same files")
    with world.first(host=False):  # it clears up what a killed run left
        position = _start(session, config, source)
    advice = "each host must see one model_save_path, and -m and -o must be the same"
    world.agree("the place to start from", tuple(position), advice)
    session.synchronise()
    if position.first_row:
        source.begin(position.epoch, position.first_row)
    return position


def _start(session: Any, config: Config, source: Source) -> Position:
    if config.runner("resume"):
        root = config.runner("model_save_path")
        found = store.newest(root, session.prefix)
        if found:
            return _resume(session, config, source, *found)
        logger.info("nothing to resume in %s: starting anew", root)
    session.fit_inputs(source)
    folder = config.runner("model_init_path")
    if folder:
        saved, prefix = checkpoint_loading.parameters(session, folder)
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
    encoding.check(config, saved, folder)
    problem = other_tasks(saved, session)
    if problem:
        raise UserError(f"{folder} {problem}")
    position = Position(saved["epoch"] + 1, folder=folder)
    if "batches" in saved:
        position = _inside(config, source, folder, saved)
    session.load_state(store.state(folder, session.prefix, session.shapes()))
    logger.info("resuming after %s", folder)
    return position


def _inside(config: Config, source: Source, folder: str, saved: dict) -> Position:
    """Returns where to go on inside an epoch.

    With as many processes as were there, batch for batch. With more or fewer the rows that they
    took are left out, and batches begin there.
    """
    ranks, first_row = saved.get("ranks", 1), saved.get("first_row", 0)
    same = ranks == processes.current().size
    for name in _ORDER if same else ("shuffle",):
        if saved[name] != config.runner(name):
            reason = f"the epoch to go on with has {name} = {saved[name]}"
            raise config.error(f"runner.{name}", f"{reason} ({folder})")
    rows = getattr(source, "rows", None)
    if saved.get("rows", rows) != rows:
        raise UserError(
            f"{folder}: the training data have changed: the epoch to go on with has "
            f"{saved['rows']} rows, found {rows}"
        )
    if not same:
        size = saved["train_batch_size"] if source.batch_size else 1
        done = first_row + saved["batches"] * ranks * size
        done = done if rows is None else min(done, rows)
        return Position(saved["epoch"], 0, folder, first_row=done, same=False)
    if first_row == 0 and saved["length"] != length(source):
        raise UserError(
            f"{folder}: the training data have changed: the epoch to go on with has "
            f"{saved['length']} batches, found {length(source)}"
        )
    inside = (saved[name] for name in ("replay", "skipped"))
    return Position(saved["epoch"], saved["batches"], folder, *inside, first_row)


def enter(session: Any, batches: Iterator[tuple[Any, int]], position: Position) -> None:
    """Brings a session and its epoch's batches to where the interrupted run left them."""
    if position.first_row:
        logger.info("epoch %d: going on after row %d", position.epoch, position.first_row - 1)
    if position.batches:
        logger.info("epoch %d: going on after batch %d", position.epoch, position.batches - 1)
    for _ in range(position.batches):
        interrupts.check()
        batch, _ = next(batches, (None, 0))
        if batch is None:
            raise UserError(f"{position.folder}: the training data have fewer batches now")
        if position.replay:
            session.train_step(batch, Clock())
    if position.replay:
        state = store.state(position.folder, session.prefix, session.shapes())
        session.load_state(state)
    session.skipped = position.skipped
    path = store.path_of(position.folder, session.prefix, formats.PROGRESS)
    arrays = epoch_state.parted(processes.current(), formats.read(path), position.same)
    epoch_state.restore(arrays, session.metric_objects)


def save_interrupted(
    session: Any,
    config: Config,
    source: Source,
    epoch: int,
    done: int,
    first_row: int = 0,
    more: Mapping[str, Any] | None = None,
) -> str:
    """Saves a run inside an epoch, beside the epochs; returns the folder.

    Args:
        session: what was trained.
        config: its configuration.
        source: the training batches.
        epoch: the epoch.
        done: how many of its batches are done.
        first_row: the row that the first of them began with.
        more: what the checkpoint says besides.
    """
    world = processes.current()
    parts = session.state()
    seed, metrics = config.runner("seed"), session.metric_objects
    arrays, replay = epoch_state.capture(metrics, seed, epoch, world.rank)
    arrays, replay = epoch_state.joined(world, metrics, arrays, replay)
    about = {
        **facts(session, config),
        "batches": done,
        "replay": replay,
        "skipped": session.skipped,
        "length": length(source),
        "rows": getattr(source, "rows", None),
        "ranks": world.size,
        "first_row": first_row,
        **{name: config.runner(name) for name in _ORDER},
        **(more or {}),
    }
    return world.on_first(
        lambda: store.save(
            config.runner("model_save_path"),
            epoch,
            session.prefix,
            {**parts, formats.PROGRESS: arrays},
            about,
            name=store.INTERRUPTED,
            form=config.runner("checkpoint_format"),
        )
    )


def facts(session: Any, config: Config) -> dict[str, Any]:
    """Returns what a checkpoint says about the run that saved it."""
    about = {"seed": config.runner("seed"), "metrics": session.metric_names}
    return {**about, **encoding.facts(config)}


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
