"""Decides where training starts: at the beginning, warm, after a checkpoint, or inside an epoch."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from engine.checkpoints import find, formats, layout, matching, model_record, runs, store
from engine.config import listing
from engine.config.config import Config
from engine.data import column_statistics, encoding
from engine.data.sources import ModelSource, Source, length
from engine.distributed import processes
from engine.graphs import checkpoint_loading
from engine.graphs.finite_check import NotFinite
from engine.graphs.session import Batches, Session
from engine.model_folder import loading
from engine.system import interrupts
from engine.system.clock import Clock
from engine.system.errors import UserError
from engine.training import epoch_state, growth

logger = logging.getLogger(__name__)

# Settings that must not change inside an epoch: the remaining batches would differ.
_ORDER = ("train_batch_size", "shuffle")
# Facts that a checkpoint inside an epoch must have.
_INSIDE = ("replay", "skipped", "length", *_ORDER)


class Position(NamedTuple):
    """Where training starts.

    Attributes:
        epoch: the first epoch to train.
        batches: the epoch's batches that are done.
        folder: the checkpoint to resume; empty if there is none.
        replay: whether those batches must be repeated to draw the same random numbers.
        skipped: the number of those batches that were skipped.
        first_row: the epoch's row that its first batch starts with. A run with another number
            of processes trained on the rows before it.
        same: whether the checkpoint's run had as many processes as this one.
    """

    epoch: int = 0
    batches: int = 0
    folder: str = ""
    replay: bool = False
    skipped: int = 0
    first_row: int = 0
    same: bool = True


def start(session: Session, config: Config, source: Source | ModelSource) -> Position:
    """Prepares a session for training: resumes a checkpoint, or starts warm or from scratch."""
    world = processes.current()
    world.check_equal("rows", getattr(source, "rows", None), "each host needs the same files")
    with world.main_process_first(per_host=False):  # it removes files that a killed run left
        position = _start(session, config, source)
    advice = "each host must see one model_save_path, and -m and -o must be the same"
    world.check_equal("the place to start from", tuple(position), advice)
    session.synchronise()
    if position.first_row:
        source.skip_rows(position.epoch, position.first_row)
    return position


def _start(session: Session, config: Config, source: Source | ModelSource) -> Position:
    if config.runner("resume"):
        root = config.runner("model_save_path")
        found = find.newest(root, session.prefix)
        if found:
            return _resume(session, config, source, *found)
        logger.info("no checkpoint to resume in %s: starting from scratch", root)
    with loading.model_errors(config):
        session.fit_inputs(source)
    _start_fresh(session, config)
    return Position()


def _start_fresh(session: Session, config: Config) -> None:
    """Loads the parameters of a warm start, and clears the folder of an earlier training."""
    folder = config.runner("model_init_path")
    if folder and config.runner("extend_vocabulary") and encoding.KEY in config:
        growth.warm_start(session, config, folder)
    elif folder:
        scope = config.runner("init_scope")
        saved, prefix = checkpoint_loading.parameters(session, config, folder, scope)
        tables = session.embeddings(prefix) if scope == "sparse" else set()
        session.load(matching.select(saved, session.shapes(prefix), scope, tables), prefix)
    runs.clear(config, session.prefix)


def _resume(
    session: Session, config: Config, source: Source | ModelSource, folder: str, saved: dict
) -> Position:
    needed = ("seed", "epoch", *(_INSIDE if "batches" in saved else ()))
    absent = [name for name in needed if name not in saved]
    if absent:
        raise UserError(f"{folder}/{session.prefix}.json is damaged: it has no {absent[0]}")
    if saved["seed"] != config.runner("seed"):
        raise config.error("runner.seed", f"the run to resume has seed {saved['seed']}")
    grown = encoding.extends(config, saved)
    model_record.check(config, saved, folder, grown)
    if not grown:
        encoding.check_checkpoint(config, saved, folder)
    elif "batches" in saved:
        reason = f"the epoch to continue ({folder}) needs the files that it started with"
        raise config.error("runner.extend_vocabulary", reason)
    problem = checkpoint_loading.task_difference(saved, session)
    if problem:
        raise UserError(f"{folder} {problem}")
    position = Position(saved["epoch"] + 1, folder=folder)
    if "batches" in saved:
        position = _inside_epoch(config, source, folder, saved)
    content = find.parts(folder, session.prefix)
    if grown:
        content = growth.grown(session, config, saved, content, session.prefix)
    matching.check(content["pdparams"], session.shapes(), folder)
    session.load_state(content)
    logger.info("resuming after %s", folder)
    return position


def _inside_epoch(
    config: Config, source: Source | ModelSource, folder: str, saved: dict
) -> Position:
    """Returns where to continue inside an epoch.

    With the same number of processes, training continues batch for batch. With another number,
    it leaves out the rows that were trained on, and starts new batches there.
    """
    ranks, first_row = saved.get("ranks", 1), saved.get("first_row", 0)
    same = ranks == processes.current().size
    for name in _ORDER if same else ("shuffle",):
        if saved[name] != _setting(config, name):
            reason = f"the epoch to continue has {name} = {saved[name]}"
            raise config.error(f"runner.{name}", f"{reason} ({folder})")
    rows, batches = getattr(source, "rows", None), length(source)
    if saved.get("rows", rows) != rows:
        raise _data_changed(folder, f"{saved['rows']} rows", rows)
    if not same:
        size = (saved["train_batch_size"] or 1) if source.batch_size else 1
        done = first_row + saved["batches"] * ranks * size
        done = done if rows is None else min(done, rows)
        return Position(saved["epoch"], 0, folder, first_row=done, same=False)
    if first_row == 0 and saved["length"] != batches:
        raise _data_changed(folder, f"{saved['length']} batches", batches)
    inside = (saved[name] for name in ("replay", "skipped"))
    return Position(saved["epoch"], saved["batches"], folder, *inside, first_row)


def _setting(config: Config, name: str) -> Any:
    """Returns a setting of the order; the batch size may be the reader's own."""
    return config.get(f"runner.{name}") if name == "train_batch_size" else config.runner(name)


def _data_changed(folder: str, expected: str, found: int | None) -> UserError:
    return UserError(
        f"{folder}: the training data have changed: the epoch to continue has {expected}, "
        f"found {found}"
    )


def enter(session: Session, batches: Batches, position: Position) -> None:
    """Moves a session and an epoch's batches to where the interrupted run stopped."""
    if position.first_row:
        logger.info("epoch %d: continuing after row %d", position.epoch, position.first_row - 1)
    if position.batches:
        logger.info("epoch %d: continuing after batch %d", position.epoch, position.batches - 1)
    for _ in range(position.batches):
        interrupts.check()
        batch, _ = next(batches, (None, 0))
        if batch is None:
            raise UserError(f"{position.folder}: the training data have fewer batches now")
        if position.replay:
            with suppress(NotFinite):  # only the random numbers matter: the state is loaded below
                session.train_step(batch, Clock())
    if position.replay:
        with suppress(NotFinite):
            session.check_pending_losses()
        state = find.state(position.folder, session.prefix, session.shapes())
        session.load_state(state)
    session.skipped = position.skipped
    progress = find.part(position.folder, session.prefix, formats.PROGRESS)
    arrays = epoch_state.part_of_rank(processes.current(), progress, position.same)
    epoch_state.restore(arrays, session.metric_objects)


def save_interrupted(
    session: Session,
    config: Config,
    source: Source | ModelSource,
    epoch: int,
    done: int,
    first_row: int = 0,
    more: Mapping[str, Any] | None = None,
) -> str:
    """Saves a run inside an epoch to the folder ``interrupted`` and returns the folder.

    Args:
        session: the session that trains.
        config: its configuration.
        source: the training batches.
        epoch: the epoch.
        done: the epoch's batches that are done.
        first_row: the epoch's row that the first of them started with.
        more: further facts for the checkpoint.
    """
    world = processes.current()
    parts = session.state()
    seed, metrics = config.runner("seed"), session.metric_objects
    arrays, replay = epoch_state.capture(metrics, seed, epoch, world.rank)
    arrays, replay = epoch_state.gather(world, metrics, arrays, replay)
    about = {
        **checkpoint_loading.facts(session, config),
        "batches": done,
        "replay": replay,
        "skipped": session.skipped,
        "length": length(source),
        "rows": getattr(source, "rows", None),
        "ranks": world.size,
        "first_row": first_row,
        **{name: _setting(config, name) for name in _ORDER},
        **(more or {}),
    }
    root, form = config.runner("model_save_path"), config.runner("checkpoint_format")
    parts = {**parts, formats.PROGRESS: arrays}

    def write() -> str:
        name, prefix = layout.INTERRUPTED, session.prefix
        folder = store.save(root, epoch, prefix, parts, about, name=name, form=form)
        listing.save(config, root, loading.hyper_parameters(config.folder))
        column_statistics.save(source, root)
        return folder

    return world.on_main_process(write)
