"""Training, evaluation and export as functions, for the commands in tools/ and for programs."""

from __future__ import annotations

import argparse
import logging
import os
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Callable

from engine.config.config import Config
from engine.config.load import load_config
from engine.system import interrupts

logger = logging.getLogger(__name__)

if TYPE_CHECKING:  # these modules import Paddle, which -h does not need
    from engine.checkpoints.choice import Used
    from engine.deployment.exported_model.model import ExportedModel
    from engine.evaluation.summary import Summary
    from engine.graphs.session import Session


def read_config(
    arguments: argparse.Namespace,
    used: Callable[[Config], Used] | None = None,
    graph: str | None = None,
    connects: bool = True,
) -> Config:
    """Starts the log and returns the configuration of the command line.

    Args:
        arguments: the parsed command line, with ``config_yaml``, ``opt`` and ``quiet``.
        used: returns the checkpoint that the command uses; see `encoding.complete_config`. None
            for a command that trains.
        graph: the graph of a command that trains, or that several processes can run together.
        connects: whether to connect these processes. Parameter servers connect them later.
    """
    import paddle  # noqa: F401  (before the log starts: importing 2.6 silences the root logger)

    from engine.config import listing
    from engine.data import encoding
    from engine.distributed import processes
    from engine.model_folder import loading
    from engine.system import logs

    interrupts.catch(signal.SIGTERM)  # after importing Paddle, which sets its own handler
    logs.start_logging(getattr(arguments, "quiet", False))
    config = load_config(arguments.config_yaml, arguments.opt, loading.hyper_parameters)
    logs.write_file(config.runner("log_file"))
    if graph and connects and processes.start(config, graph).rank:
        logging.getLogger().setLevel(logging.WARNING)  # rank 0 logs for all
    with processes.current().main_process_first():
        config = encoding.complete_config(config, used, graph or "dygraph")
    listing.log_without_effect(config)
    listing.log_config(config, loading.hyper_parameters(config.folder))
    return config


def open_training(config: Config, graph: str) -> tuple[Session, Any]:
    """Returns a session for training, and the training batches.

    Args:
        config: the configuration.
        graph: ``dygraph`` or ``static``.
    """
    from engine.data import sources
    from engine.distributed import processes
    from engine.graphs import opening

    with processes.current().main_process_first():  # one process parses the files for all
        source = sources.training_source(config, graph)
    session = opening.open_session(config, graph, training=True)
    if config.runner("use_inference") and graph == "static":
        from engine.deployment.export.static_export import StaticExport

        session.export = StaticExport(config, session).save
    elif config.runner("use_inference"):
        logger.warning("runner.use_inference: dygraph training exports nothing; run to_static.py")
    return session, source


def train(
    config: Config,
    graph: str,
    on_epoch_end: Callable[[int, Any], None] | None = None,
) -> Summary:
    """Trains a model and saves a checkpoint after each epoch.

    Args:
        config: the configuration.
        graph: ``dygraph`` or ``static``.
        on_epoch_end: see `engine.training.loop.train`.

    Returns:
        What the run measured.
    """
    from engine.checkpoints import layout, runs
    from engine.distributed import processes
    from engine.evaluation import measurements
    from engine.system import folder_lock
    from engine.training import loop

    for name in ("save_predictions", "metrics"):
        if config.runner(name) and config.source(f"runner.{name}") == "-o":
            text = "-o runner.%s has no effect on training: give it to the command that evaluates"
            logger.warning(text, name)
    with ExitStack() as stack:
        root = config.runner("model_save_path")
        lock = folder_lock.locked(root)
        processes.current().on_main_process(lambda: stack.enter_context(lock))
        measurements.check(config)
        prefix = layout.PREFIXES[graph]
        processes.current().on_main_process(lambda: runs.check(config, prefix))
        session, source = open_training(config, graph)
        summary = loop.train(session, config, source, on_epoch_end)
        processes.current().on_main_process(lambda: _note_checkpoints(root, summary))
        measurements.save(config, session, source, summary, "train")
    return summary


def _note_checkpoints(root: str, summary: Summary) -> None:
    """Notes the checkpoints of a training run for the command's last line."""
    from engine.checkpoints import layout
    from engine.config import listing
    from engine.system import logs

    kept = [str(epoch) for epoch in sorted(summary.metrics)]
    kept = [name for name in kept if os.path.isdir(os.path.join(root, name))]
    numbers = " to ".join((kept[0], kept[-1]) if len(kept) > 2 else kept)
    names = [f"checkpoint{'s' if len(kept) > 1 else ''} {numbers}"] if kept else []
    names += [layout.BEST] if summary.best else []
    if names:
        logs.wrote(f"{', '.join(names)} and {listing.SAVED}", root)


def evaluate(config: Config, graph: str) -> Summary:
    """Evaluates the checkpoints that the configuration selects.

    Args:
        config: the configuration.
        graph: ``dygraph`` or ``static``.

    Returns:
        What the run measured.
    """
    from engine.data import sources
    from engine.distributed import processes
    from engine.evaluation import evaluator, measurements
    from engine.graphs import opening

    with processes.current().main_process_first():  # one process parses the files for all
        source = sources.evaluation_source(config, graph)
    measurements.check(config)
    session = opening.open_session(config, graph, training=False)
    summary = evaluator.evaluate(session, config, source)
    measurements.save(config, session, source, summary, "evaluate")
    if not config.runner("save_predictions") and not config.runner("save_metrics"):
        logger.info("wrote no file: runner.save_predictions and runner.save_metrics name files")
    return summary


def export(config: Config, form: str = "paddle") -> ExportedModel:
    """Exports a dygraph checkpoint; see `dygraph_export.export_checkpoint`.

    Args:
        config: the configuration.
        form: ``paddle``, or ``onnx`` to also write ONNX.
    """
    from engine.deployment.export import dygraph_export

    return dygraph_export.export_checkpoint(config, form)
