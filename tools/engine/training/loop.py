"""Training and evaluation over epochs, the same for dygraph and static graph.

A session (`dygraph.DygraphSession`, `static.StaticSession`) knows how its graph takes a step;
what surrounds the steps is here.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from engine.checkpoints import choice, formats, matching, store
from engine.config.config import Config
from engine.data import encoding
from engine.data.batches import Source
from engine.data.sources import open_reader, test_source, training_source
from engine.distributed import processes
from engine.evaluation import gates, predictions, task_metrics
from engine.evaluation.log_lines import Report, Visual
from engine.evaluation.undefined_metrics import Undefined
from engine.graphs import checkpoint_loading, finite_check
from engine.model_folder import seeds
from engine.system import interrupts
from engine.system.clock import Clock
from engine.system.errors import UserError
from engine.system.interrupts import Interrupted
from engine.training import resume
from engine.training.early_stopping import EarlyStopping
from engine.training.monitor import Controls, Stopped
from engine.training.resume import length, start

__all__ = ["open_reader", "start", "test_source", "training_source"]

logger = logging.getLogger(__name__)


@dataclass
class Summary:
    """What a run measured.

    Attributes:
        metrics: the metrics of each epoch, by name.
        valid: those of each evaluation in training, by epoch and batches done.
        stopping: which of these evaluations was the best one, of a run that trains.
        rows: rows visited.
        seconds: time spent on batches; start-up and saving do not count.
        tasks: what ``runner.metrics`` asked for, of each epoch and task.
    """

    metrics: dict[int, dict[str, Any]] = field(default_factory=dict)
    valid: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    stopping: EarlyStopping | None = None
    rows: int = 0
    seconds: float = 0.0
    tasks: dict[int, dict[str, dict[str, Any]]] = field(default_factory=dict)


def train(
    session: Any,
    config: Config,
    source: Source,
    watch: Callable[[int, EarlyStopping], None] | None = None,
) -> Summary:
    """Trains up to ``runner.epochs`` epochs and saves a checkpoint after each.

    Args:
        session: what is trained.
        config: its configuration.
        source: the training batches.
        watch: called with every epoch that is done, and with how evaluations have gone.

    Raises:
        Interrupted: a signal came; what was trained is saved.
        UserError: something cannot be read, saved or trained on.
    """
    wanted = config.runner("use_visual") and processes.current().rank == 0
    visual = Visual(config.runner("visual_dir")) if wanted else None
    try:
        return _train(session, config, source, visual, watch)
    finally:
        if visual:
            visual.close()


def _train(
    session: Any,
    config: Config,
    source: Source,
    visual: Visual | None,
    watch: Callable[[int, EarlyStopping], None] | None,
) -> Summary:
    world = processes.current()
    epochs, root = config.runner("epochs"), config.runner("model_save_path")
    formats.check_installed(config.runner("checkpoint_format"))
    store.check_writable(root)
    if config.runner("use_inference") and not session.export:
        logger.warning("runner.use_inference: dygraph training exports nothing; run to_static.py")
    total = length(source)
    controls = Controls(session, config, total)
    position = start(session, config, source)
    if position.epoch >= epochs:
        logger.info("all %d epochs are trained", epochs)
    summary = Summary()
    clock = Clock()
    steps = position.epoch * (total or 0) + position.batches
    report = Report(clock, config.runner("print_interval"), total, visual, steps)
    undefined = Undefined()
    looked = finite_check.ParameterCheck(session, config.runner("on_nan"))
    controls.start(position, report, looked.at_end)
    summary.valid, summary.stopping = controls.found, controls.stopping
    with interrupts.deferred(together=world.size > 1):
        for epoch in range(position.epoch, epochs):
            if controls.stopped:
                break
            seeds.before_epoch(config, epoch)
            session.start_epoch(training=True)
            batches = session.batches(source, epoch)
            done = position.batches if epoch == position.epoch else 0
            first_row = position.first_row if epoch == position.epoch else 0
            if done or first_row:
                resume.enter(session, batches, position)
            report.start_epoch(epoch, done)
            try:
                controls.enter()
                summary.rows += visit(
                    session, batches, controls.step, clock, report, looked.at_line, controls.after
                )
                summary.metrics[epoch] = _end_epoch(session, clock, report, undefined)
                if session.skipped and session.skipped == report.batches:
                    raise UserError(f"epoch: {epoch}: no batch has a loss that is finite")
                looked.at_end(epoch, report.batches - 1)
                controls.end_epoch()
            except (Interrupted, Stopped) as stop:
                report.close()
                looked.at_end(epoch, report.batches - 1)
                folder = resume.save_interrupted(
                    session, config, source, epoch, report.batches, first_row, controls.facts()
                )
                if isinstance(stop, Interrupted):
                    raise _stopped(stop.number, epoch, report.batches, folder) from None
                break
            except finite_check.NotFinite as fault:
                report.close()
                own = not fault.elsewhere
                problem = (
                    str(finite_check.error(fault, source, epoch, report.batches)) if own else None
                )
                raise UserError(world.told(problem)) from None
            folder = world.on_first(lambda epoch=epoch: _save(session, config, epoch, controls))
            world.settle()
            if watch:
                watch(epoch, controls.stopping)
            try:
                interrupts.check()
            except Interrupted as stop:
                raise _stopped(stop.number, epoch, None, folder) from None
    controls.say()
    summary.seconds = clock.total()
    shown = position.epoch < epochs and world.rank == 0
    weights = session.gate_weights(source) if shown else None
    if weights:
        try:
            gates.show(weights, root, visual)
        except OSError as error:  # of the picture alone: everything is trained and saved
            logger.warning("cannot draw the gates into %s: %s", root, error.strerror or error)
    return summary


def _save(session: Any, config: Config, epoch: int, controls: Controls) -> str:
    """Saves an epoch, removes what it makes superfluous, and returns its folder."""
    root, keep = config.runner("model_save_path"), config.runner("keep_checkpoints")
    form = config.runner("checkpoint_format")
    about = {**resume.facts(session, config), **controls.facts()}
    folder = store.save(
        root, epoch, session.prefix, session.state(), about, session.export, form=form
    )
    logger.info("saved %s", folder)
    store.remove(root, store.INTERRUPTED, session.prefix)
    if keep:
        store.prune(root, session.prefix, keep)
    return folder


def _stopped(number: int, epoch: int, batches: int | None, folder: str) -> Interrupted:
    place = (
        f"after epoch {epoch}" if batches is None else f"in epoch {epoch}, {batches} batches done"
    )
    return Interrupted(
        number, f"interrupted {place}; saved {folder}; runner.resume=True goes on there"
    )


def evaluate(session: Any, config: Config, source: Source) -> Summary:
    """Evaluates the checkpoints that `chosen.folders` names."""
    folders = choice.folders(config)
    wanted = config.runner("save_predictions")
    if wanted:
        predictions.check(wanted)
    asked = task_metrics.asked(config, source)
    summary = Summary()
    clock = Clock()
    report = Report(clock, config.runner("print_interval"), length(source), None)
    undefined = Undefined()
    for epoch, folder in folders.items():
        facts = load(session, config, folder)
        session.start_epoch(training=False)
        report.start_epoch(epoch)
        kept = predictions.Predictions(labels=bool(asked)) if wanted or asked else None
        processes.current().agree(
            f"checkpoint {folder}, saved at", facts.get("saved_at"), "all need the same folder"
        )
        step = kept.around(session) if kept else session.infer_step
        batches = session.batches(source, epoch)
        summary.rows += visit(session, batches, step, clock, report)
        summary.metrics[epoch] = _end_epoch(session, clock, report, undefined)
        if kept:
            kept.join(processes.current())
        if wanted:
            number = epoch if len(folders) > 1 else None
            processes.current().on_first(lambda kept=kept, number=number: kept.save(wanted, number))
        if asked:
            summary.tasks[epoch] = processes.current().on_first(
                lambda kept=kept, epoch=epoch: asked.report(
                    f"epoch: {epoch}", kept.columns, kept.labels
                )
            )
    summary.seconds = clock.total()
    return summary


def load(session: Any, config: Config, folder: str) -> dict[str, Any]:
    """Gives a session the parameters of a checkpoint that is to be evaluated; returns its facts.

    Raises:
        UserError: the checkpoint does not fit, or was trained with another encoding.
    """
    saved, prefix = checkpoint_loading.parameters(session, folder)
    matching.check(saved, session.shapes(prefix), folder)
    session.load(saved, prefix)
    facts = store.facts_beside(folder, prefix)
    encoding.check(config, facts, folder)
    problem = resume.other_tasks(facts, session)
    if problem:
        logger.warning("%s %s", folder, problem)
    return facts


def visit(
    session: Any,
    batches: Iterator[tuple[Any, int]],
    step: Callable[[Any, Clock], dict],
    clock: Clock,
    report: Report,
    look: Callable[[int, int], None] | None = None,
    after: Callable[[], None] | None = None,
) -> int:
    """Takes a step for each of the batches and returns how many rows they held.

    Args:
        session: what takes the steps.
        batches: batches and their rows.
        step: of the session.
        clock: the run's clock.
        report: the run's lines.
        look: called with the epoch and the batch where a line is logged.
        after: called after each step; its time does not count.

    Raises:
        Interrupted: a signal came; the step that it came in is finished.
    """
    gc.collect()
    gc.freeze()  # what exists now lives on; looking it over again and again costs time
    total = 0
    clock.skip()
    for batch, rows in batches:
        clock.lap("read")
        shown = {} if batch is None else step(batch, clock)
        total += rows
        if report.count(rows):
            metrics, shown = session.metrics(), session.of_all(shown)
            clock.lap("metrics")
            report.line(metrics, shown, session.learning_rate())
            if look:
                look(report.epoch, report.batches - 1)
        if after:
            after()
            clock.skip()
        interrupts.check()
    return total


def _end_epoch(session: Any, clock: Clock, report: Report, undefined: Undefined) -> dict[str, Any]:
    metrics = session.metrics()
    clock.lap("metrics")
    report.end_epoch(metrics, session.skipped)
    undefined.tell(session, metrics)
    return metrics
