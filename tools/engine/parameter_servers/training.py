"""Runs a server or a trainer of a parameter-server job from its start to its end."""

from __future__ import annotations

import logging
import signal
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

from engine.checkpoints import facts as facts_of
from engine.checkpoints import find, formats, matching, model_record, runs, server_tables, store
from engine.config import listing
from engine.config.config import Config
from engine.data import column_statistics, encoding, sources
from engine.evaluation import steps, visual
from engine.evaluation.progress import RunLog
from engine.graphs import checkpoint_loading, finite_check
from engine.model_folder import loading
from engine.parameter_servers import session as sessions
from engine.parameter_servers.dataset_shards import shard
from engine.parameter_servers.job import Job
from engine.parameter_servers.roles import Role
from engine.parameter_servers.watch import Watch
from engine.system import folder_lock, interrupts, logs, process
from engine.system.clock import Clock
from engine.system.errors import UserError
from engine.system.interrupts import Interrupted
from engine.training import schedules

logger = logging.getLogger(__name__)

# Runner keys that must not be set, and the reason.
_UNSUPPORTED = {
    "use_gpu": "trainers of a parameter-server job run on the CPU",
    "use_inference": "trainers do not export: run to_static.py on a checkpoint afterwards",
    "ema_decay": "parameter servers do not average parameters",
    "extend_vocabulary": "the tables of parameter servers keep their rows: use trainer.py",
    "valid_data_dir": "no trainer has all parameters: run static_infer.py on the checkpoints",
    "save_metrics": "each trainer has only the metrics of its own rows",
}


def check(config: Config) -> None:
    """Checks that a configuration can be trained with parameter servers.

    Raises:
        UserError: it has an option that parameter servers do not support.
    """
    if config.runner("sync_mode") != "async":
        raise config.error(
            "runner.sync_mode", "only Fleet's mode async works (Paddle 2.6.2); expected async"
        )
    for name, reason in _UNSUPPORTED.items():
        if config.runner(name):
            raise config.error(f"runner.{name}", reason)
    if config.get("runner.use_fleet"):
        logger.warning("runner.use_fleet has no effect here: the environment sets the roles")
    if config.runner("reader_type") == "CustomizeDataLoader":
        raise config.error(
            "runner.reader_type", "the rows of a model's loader cannot be divided among trainers"
        )
    if config.runner("model_init_path") and config.runner("init_scope") != "all":
        raise config.error("runner.init_scope", "servers load complete checkpoints; expected all")
    if schedules.create(config, 1):
        raise config.error(
            "hyper_parameters.optimizer.schedule",
            "the learning rate of the servers' tables cannot change",
        )
    optimizer = config.get("hyper_parameters.optimizer.class", "adam")
    if str(optimizer).lower() != "adam":
        raise config.error(
            "hyper_parameters.optimizer.class", "parameter servers train with Adam; expected adam"
        )
    if config.get("hyper_parameters.optimizer.weight_decay"):
        raise config.error(
            "hyper_parameters.optimizer.weight_decay",
            "parameter servers have no weight decay",
        )
    if config.get("hyper_parameters.optimizer.clip_grad_norm"):
        raise config.error(
            "hyper_parameters.optimizer.clip_grad_norm",
            "no process of a parameter-server job has all gradients",
        )


def run(config: Config, role: Role, watch: Watch) -> None:
    """Runs a server or a trainer until the job has ended.

    Args:
        config: the configuration.
        role: the role of this process.
        watch: the connection to this process's watcher.

    Raises:
        UserError: the configuration, a checkpoint or the data cannot be used.
        Interrupted: a signal arrived.
    """
    check(config)
    logger.info(
        "starting %s %d; the job has %d servers and %d trainers",
        role.kind,
        role.index,
        len(role.servers),
        len(role.trainers),
    )
    if role.is_server:
        _serve(config, role)
        return
    root = config.runner("model_save_path")
    with folder_lock.locked(root) if role.is_first else nullcontext():
        _train(config, role, watch)


def _serve(config: Config, role: Role) -> None:
    job = Job(role)
    sessions.build(config, job)
    # No Python code runs while the server runs, so signals need their default actions.
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    job.serve()
    logger.info("server %d: stopped", role.index)


class _Start(NamedTuple):
    """The checkpoint that training starts from."""

    folder: str
    facts: Mapping[str, Any]
    epoch: int  # the first epoch to train


def _train(config: Config, role: Role, watch: Watch) -> None:
    formats.check_installed(config.runner("checkpoint_format"))
    store.check_writable(config.runner("model_save_path"))
    trainers = len(role.trainers)
    source = sources.training_source(
        config, shard=lambda dataset: shard(dataset, role.index, trainers)
    )
    start = _find_start(config)
    run = _identify(config, role, start)
    logger.info("waiting for all servers and trainers")
    job = Job(role)
    session = sessions.TrainerSession(config, job)
    if start:
        dense = find.part(start.folder, session.prefix, "pdparams")
        matching.check(dense, session.shapes(), start.folder)
        session.load(dense, session.prefix)
    else:
        with loading.model_errors(config):  # of all rows, so that trainers agree
            session.fit_inputs(sources.training_source(config))
    session.connect()
    if start:
        _load_tables(start, job, session)
    first = start.epoch if start else 0
    records = None
    if role.is_first:
        column_statistics.report_training(config, source, None)
        resumed = start.facts.get(visual.RUN_KEY) if first else None
        records = visual.start(config, resumed, first * (sources.length(source) or 0))
    try:
        _train_epochs(config, job, session, source, first, records, run)
        if role.is_first and first < config.runner("epochs"):
            done = f"checkpoints up to epoch {config.runner('epochs') - 1} and {listing.SAVED}"
            logs.wrote(done, config.runner("model_save_path"))
    finally:
        if records:
            records.close()
    job.end(watch)


def _identify(config: Config, role: Role, start: _Start | None) -> dict[str, Any]:
    """Returns the identity of the run; a new run clears the folder of an earlier one."""
    if start and start.epoch:
        return runs.identity(config, start.facts)
    if role.is_first:
        runs.clear(config, sessions.TrainerSession.prefix)
    return runs.identity(config)


def _find_start(config: Config) -> _Start | None:
    """Returns the checkpoint to resume or to start warm from; None to start from scratch."""
    prefix = sessions.TrainerSession.prefix
    if config.runner("resume"):
        newest = find.newest(config.runner("model_save_path"), prefix)
        if newest:
            folder, facts = newest
            if facts.get("seed") != config.runner("seed"):
                raise config.error("runner.seed", f"the run to resume has seed {facts.get('seed')}")
            logger.info("resuming after %s", folder)
            return _check_start(config, _Start(folder, facts, facts["epoch"] + 1))
        root = config.runner("model_save_path")
        logger.info("no checkpoint to resume in %s: starting from scratch", root)
    folder = config.runner("model_init_path")
    if not folder:
        return None
    return _check_start(config, _Start(folder, facts_of.read(folder, prefix), 0))


def _check_start(config: Config, start: _Start) -> _Start:
    if "tables" not in start.facts or "batches" in start.facts:
        raise UserError(
            f"{start.folder}: expected a checkpoint that static_ps_trainer.py saved after an epoch"
        )
    model_record.check(config, start.facts, start.folder)
    encoding.check_checkpoint(config, dict(start.facts), start.folder)
    facts_of.check_files(start.folder, start.facts)  # servers read their tables themselves
    return start


def _load_tables(start: _Start, job: Job, session: Any) -> None:
    saved = start.facts["tables"]
    for name, table in job.tables.items():
        found = f"shape {saved[name]['shape']}" if name in saved else "no such table"
        if found != f"shape {table['shape']}":
            raise UserError(
                f"{start.folder} does not fit the model: table {name}: found {found}, expected "
                f"shape {table['shape']}"
            )
    job.load(server_tables.folder_of(start.folder, session.prefix), saved)


def _train_epochs(
    config: Config,
    job: Job,
    session: Any,
    source: Any,
    first: int,
    records: visual.Visual | None,
    run: Mapping[str, Any],
) -> None:
    total = sources.length(source)
    clock = Clock()
    report = RunLog(clock, config.runner("print_interval"), total, records, first * (total or 0))
    parameter_check = finite_check.ParameterCheck(session, config.runner("on_nan"))
    for epoch in range(first, config.runner("epochs")):
        # Row order and dropout differ between epochs; dropout differs between trainers too.
        process.seed_everything(config.runner("seed") + job.role.index, epoch + 1)
        session.start_epoch(training=True)
        report.start_epoch(epoch)
        batches = session.batches(source, epoch)
        with interrupts.deferred("finishing the step"):
            try:
                rows = steps.run_steps(
                    session, batches, session.train_step, clock, report, parameter_check.at_line
                )
                session.check_pending_losses()
            except Interrupted as stop:
                report.close()
                raise _interrupted(stop.number, epoch, report.batches) from None
            except finite_check.NotFinite as fault:
                report.close()
                raise finite_check.error(fault, source, epoch, report.batches) from None
        metrics = session.metrics()
        clock.lap("metrics")
        report.end_epoch(metrics)
        logger.info("epoch: %d: trainer %d: %d rows", epoch, job.role.index, rows)
        parameter_check.at_end(epoch, report.batches - 1)
        more = {visual.RUN_KEY: records.run} if records else {}
        _save(config, job, session, source, epoch, {runs.KEY: run, **more})


def _interrupted(number: int, epoch: int, batches: int) -> Interrupted:
    return Interrupted(
        number,
        f"interrupted in epoch {epoch}, {batches} batches done; the job ends; "
        "runner.resume=True continues after the last saved epoch",
    )


def _save(
    config: Config, job: Job, session: Any, source: Any, epoch: int, more: Mapping[str, Any]
) -> None:
    """Saves an epoch's checkpoint with more facts; all trainers take part, the first one writes."""
    job.flush()
    job.barrier()
    if not job.role.is_first:
        session.save_tables("")
        return
    root, keep = config.runner("model_save_path"), config.runner("keep_checkpoints")

    def write_tables(folder: str) -> None:
        session.save_tables(server_tables.folder_of(folder, session.prefix))

    about = {
        **checkpoint_loading.facts(session, config),
        **more,
        "tables": job.tables,
        "servers": len(job.role.servers),
        "trainers": len(job.role.trainers),
    }
    state, form = session.state(), config.runner("checkpoint_format")
    folder = store.save(root, epoch, session.prefix, state, about, write_tables, form=form)
    listing.save(config, root, loading.hyper_parameters(config.folder))
    column_statistics.save(source, root)
    logger.info("saved %s", folder)
    if keep:
        store.prune(root, session.prefix, keep)
