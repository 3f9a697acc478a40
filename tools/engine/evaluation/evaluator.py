"""Evaluates the checkpoints of a run."""

from __future__ import annotations

from engine.checkpoints import choice
from engine.config.config import Config
from engine.data import column_statistics
from engine.data.sources import ModelSource, Source, length
from engine.distributed import processes
from engine.evaluation import predictions, task_metrics
from engine.evaluation.label_presence import LabelPresence
from engine.evaluation.progress import RunLog
from engine.evaluation.steps import end_epoch, run_steps
from engine.evaluation.summary import Summary
from engine.evaluation.undefined_metrics import UndefinedMetrics
from engine.graphs import checkpoint_loading
from engine.graphs.session import Session
from engine.system.clock import Clock


def evaluate(session: Session, config: Config, source: Source | ModelSource) -> Summary:
    """Evaluates the checkpoints that the configuration selects; see `choice.to_evaluate`.

    Args:
        session: the session, opened for evaluation.
        config: its configuration.
        source: the evaluation batches.

    Returns:
        What the run measured.

    Raises:
        UserError: there is no checkpoint, one does not fit the model, or a file cannot be written.
    """
    world = processes.current()
    folders = choice.to_evaluate(config)
    output = config.runner("save_predictions")
    if output:
        predictions.check(output)
    requested = task_metrics.requested(config, source)
    column_statistics.report(source, "test data", next(iter(folders.values())))
    summary, clock, undefined = Summary(), Clock(), UndefinedMetrics()
    log = RunLog(clock, config.runner("print_interval"), length(source))
    for epoch, folder in folders.items():
        facts = checkpoint_loading.load(session, config, folder)
        session.start_epoch(training=False)
        log.start_epoch(epoch)
        saved_at = facts.get("saved_at")
        world.check_equal(f"checkpoint {folder}, saved at", saved_at, "all need the same folder")
        weighted = bool(requested) and requested.weighted
        table = predictions.Predictions(bool(requested), weighted) if output or requested else None
        step = table.collecting_step(session) if table else session.infer_step
        labels = LabelPresence(session, world)
        summary.rows += run_steps(
            session,
            session.batches(source, epoch),
            labels.noting(step),
            clock,
            log,
            select=labels.evaluated,
        )
        labels.gather()
        summary.metrics[epoch] = end_epoch(session, clock, log, undefined, labels.evaluated)
        if epoch == next(iter(folders)):
            labels.log()
        if table:
            table.gather(world)
        if output:
            number = epoch if len(folders) > 1 else None
            world.on_main_process(lambda table=table, number=number: table.save(output, number))
        if requested:
            summary.tasks[epoch] = world.on_main_process(
                lambda epoch=epoch, table=table: requested.report(
                    f"epoch: {epoch}",
                    table.columns,
                    table.labels,
                    table.weights,
                    session.task_facts(),
                )
            )
    summary.seconds = clock.total()
    return summary
