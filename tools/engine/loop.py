"""Training and evaluation over epochs, the same for dygraph and static graph.

A session (`dygraph.DygraphSession`, `static.StaticSession`) knows how its graph takes a step;
what surrounds the steps is here.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from engine import checkpoint, contract, gates, learned, predictions, runtime
from engine.batches import Source, open_source, reader_errors
from engine.clock import Clock
from engine.config import Config
from engine.errors import UserError
from engine.report import Report, Visual

logger = logging.getLogger(__name__)


@dataclass
class Summary:
    """What a run measured.

    Attributes:
        metrics: the metrics of each epoch, by name.
        rows: rows visited.
        seconds: time spent on batches; start-up and saving do not count.
    """

    metrics: dict[int, dict[str, Any]] = field(default_factory=dict)
    rows: int = 0
    seconds: float = 0.0


def training_source(config: Config) -> Source:
    """Returns the training batches of a configuration."""
    seed = config.runner("seed") if config.runner("shuffle") else None
    return _source(config, "train_reader_path", "train_data_dir", "train_batch_size", seed)


def test_source(config: Config) -> Source:
    """Returns the evaluation batches of a configuration, in file order."""
    return _source(config, "infer_reader_path", "test_data_dir", "infer_batch_size", None)


def _source(config: Config, reader: str, data: str, batch: str, seed: int | None) -> Source:
    batch_size = config.runner(batch)
    name = config.runner(reader) or config.runner("train_reader_path")
    return open_reader(config, name, contract.files(config, data), batch_size, seed)


def open_reader(
    config: Config,
    name: str,
    files: list[str],
    batch_size: int,
    seed: int | None,
    folder: str | None = None,
) -> Source:
    """Returns the batches of some files as a reader module yields them.

    Args:
        config: the configuration, for the reader.
        name: the module's name.
        files: the data's files.
        batch_size: rows a batch.
        seed: draws the order of rows; None keeps the files'.
        folder: where the module is; the configuration's folder if not given.
    """
    with reader_errors(name):
        dataset = contract.dataset(config, name, files, folder)
        return open_source(dataset, name, batch_size, seed)


def train(session: Any, config: Config, source: Source) -> Summary:
    """Trains up to ``runner.epochs`` epochs and saves a checkpoint after each."""
    epochs, seed = config.runner("epochs"), config.runner("seed")
    root = config.runner("model_save_path")
    visual = Visual(config.runner("visual_dir")) if config.runner("use_visual") else None
    checkpoint.check_writable(root)
    if config.runner("use_inference") and not session.export:
        logger.warning("runner.use_inference: dygraph training exports nothing; run to_static.py")
    first = start(session, config, source)
    if first >= epochs:
        logger.info("all %d epochs are trained", epochs)
    summary = Summary()
    clock = Clock()
    total = _length(source)
    report = Report(clock, config.runner("print_interval"), total, visual, first * (total or 0))
    for epoch in range(first, epochs):
        runtime.seed_everything(seed, epoch + 1)
        session.start_epoch(training=True)
        report.start_epoch(epoch)
        batches = session.batches(source, epoch)
        summary.rows += visit(session, batches, session.train_step, clock, report)
        summary.metrics[epoch] = _end_epoch(session, clock, report)
        about = {"seed": seed, "metrics": session.metric_names, **learned.facts(config)}
        folder = checkpoint.save(
            root, epoch, session.prefix, session.state(), about, session.export
        )
        logger.info("saved %s", folder)
    summary.seconds = clock.total()
    weights = session.gate_weights(source) if first < epochs else None
    if weights:
        gates.show(weights, root, visual)
    if visual:
        visual.close()
    return summary


def evaluate(session: Any, config: Config, source: Source) -> Summary:
    """Evaluates the checkpoints ``runner.infer_start_epoch`` to ``runner.infer_end_epoch`` - 1."""
    folders = _checkpoints(config, session.prefix)
    wanted = config.runner("save_predictions")
    if wanted:
        predictions.check(wanted)
    summary = Summary()
    clock = Clock()
    report = Report(clock, config.runner("print_interval"), _length(source), None)
    for epoch, folder in folders.items():
        saved, prefix = checkpoint.parameters(folder, session.prefix)
        checkpoint.check(saved, session.shapes(prefix), folder)
        session.load(saved, prefix)
        facts = checkpoint.facts_beside(folder, prefix)
        learned.check(config, facts, folder)
        problem = _other_tasks(facts, session)
        if problem:
            logger.warning("%s %s", folder, problem)
        session.start_epoch(training=False)
        report.start_epoch(epoch)
        kept = predictions.Predictions() if wanted else None
        step = kept.around(session) if kept else session.infer_step
        batches = session.batches(source, epoch)
        summary.rows += visit(session, batches, step, clock, report)
        summary.metrics[epoch] = _end_epoch(session, clock, report)
        if kept:
            kept.save(wanted, epoch if len(folders) > 1 else None)
    summary.seconds = clock.total()
    return summary


def visit(
    session: Any,
    batches: Iterator[tuple[Any, int]],
    step: Callable[[Any, Clock], dict],
    clock: Clock,
    report: Report,
) -> int:
    """Takes a step for each of the batches and returns how many rows they held."""
    gc.collect()
    gc.freeze()  # what exists now lives on; looking it over again and again costs time
    total = 0
    clock.skip()
    for batch, rows in batches:
        if runtime.interrupted:
            raise KeyboardInterrupt
        clock.lap("read")
        shown = step(batch, clock)
        total += rows
        if report.count(rows):
            metrics = session.metrics()
            clock.lap("metrics")
            report.line(metrics, shown, session.learning_rate())
    return total


def _end_epoch(session: Any, clock: Clock, report: Report) -> dict[str, Any]:
    metrics = session.metrics()
    clock.lap("metrics")
    report.end_epoch(metrics)
    return metrics


def start(session: Any, config: Config, source: Source) -> int:
    """Prepares a session for training: resumes, or starts warm or anew; returns the first epoch."""
    if config.runner("resume"):
        root = config.runner("model_save_path")
        found = checkpoint.newest(root, session.prefix)
        if found:
            folder, facts = found
            if facts["seed"] != config.runner("seed"):
                raise config.error("runner.seed", f"the run to resume has seed {facts['seed']}")
            learned.check(config, facts, folder)
            problem = _other_tasks(facts, session)
            if problem:
                raise UserError(f"{folder} {problem}")
            session.load_state(checkpoint.state(folder, session.prefix, session.shapes()))
            logger.info("resuming after %s", folder)
            return facts["epoch"] + 1
        logger.info("nothing to resume in %s: starting anew", root)
    session.fit_inputs(source)
    folder = config.runner("model_init_path")
    if folder:
        saved, prefix = checkpoint.parameters(folder, session.prefix)
        scope = config.runner("init_scope")
        tables = session.embeddings(prefix) if scope == "sparse" else set()
        session.load(checkpoint.choose(saved, session.shapes(prefix), scope, tables), prefix)
    return 0


def _other_tasks(facts: dict, session: Any) -> str:
    """Returns how a checkpoint's tasks differ from the session's; their order counts."""
    trained = facts.get("metrics", session.metric_names)
    if trained == session.metric_names:
        return ""
    return f"was trained for {', '.join(trained)}, not for {', '.join(session.metric_names)}"


def _checkpoints(config: Config, prefix: str) -> dict[int, str]:
    root = config.runner("infer_load_path") or config.runner("model_save_path")
    first, end = config.runner("infer_start_epoch"), config.runner("infer_end_epoch")
    if end <= first:
        raise config.error("runner.infer_end_epoch", f"no epoch from {first} up to it")
    folders = {epoch: os.path.join(root, str(epoch)) for epoch in range(first, end)}
    absent = [epoch for epoch, folder in folders.items() if not os.path.isdir(folder)]
    if absent:
        raise UserError(
            f"there is no checkpoint {folders[absent[0]]} "
            f"(runner.infer_start_epoch = {first}, runner.infer_end_epoch = {end})"
        )
    return folders


def _length(source: Source) -> int | None:
    try:
        return len(source)
    except (TypeError, RuntimeError):  # a stream does not know
        return None
