"""What a server and what a trainer of a parameter-server job does from its start to its end."""

from __future__ import annotations

import logging
import signal
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

from engine.checkpoints import find, formats, layout, matching, server_tables, store
from engine.config.config import Config
from engine.data import encoding, sources
from engine.evaluation import steps
from engine.evaluation.run_log import RunLog
from engine.evaluation.visual import Visual
from engine.graphs import checkpoint_loading, finite_check
from engine.parameter_servers import session as sessions
from engine.parameter_servers.job import Job
from engine.parameter_servers.roles import Role
from engine.parameter_servers.row_shares import share
from engine.parameter_servers.watch import Watch
from engine.system import folder_lock, interrupts, process
from engine.system.clock import Clock
from engine.system.errors import UserError
from engine.system.interrupts import Interrupted
from engine.training import schedules

logger = logging.getLogger(__name__)

_REFUSED = {
    "use_gpu": "trainers of a parameter-server job run on the CPU",
    "use_inference": "run to_static.py on a checkpoint afterwards",
    "ema_decay": "the servers' tables keep no averages",
    "valid_data_dir": "no trainer has all parameters: run static_infer.py on the checkpoints",
    "early_stopping_patience": "no trainer evaluates",
    "save_metrics": "each trainer has the metrics of its own rows",
}


def check(config: Config) -> None:
    """Makes sure that a configuration can be trained on parameter servers.

    Raises:
        UserError: it cannot.
    """
    if config.runner("sync_mode") != "async":
        raise config.error(
            "runner.sync_mode", "of Fleet's modes only async works (Paddle 2.6.2); expected async"
        )
    for name, reason in _REFUSED.items():
        if config.runner(name):
            raise config.error(f"runner.{name}", reason)
    if config.get("runner.use_fleet"):
        logger.warning("runner.use_fleet says nothing here: the environment gives the roles")
    if config.runner("reader_type") == "CustomizeDataLoader":
        raise config.error("runner.reader_type", "its rows cannot be shared among trainers")
    if config.runner("model_init_path") and config.runner("init_scope") != "all":
        raise config.error("runner.init_scope", "servers read whole tables; expected all")
    if schedules.of(config, 1):
        raise config.error(
            "hyper_parameters.optimizer.schedule", "the servers' tables keep their learning rate"
        )
    optimizer = config.get("hyper_parameters.optimizer.class", "adam")
    if str(optimizer).lower() != "adam":
        raise config.error(
            "hyper_parameters.optimizer.class", "the servers' tables learn by Adam; expected adam"
        )
    if config.get("hyper_parameters.optimizer.weight_decay"):
        raise config.error(
            "hyper_parameters.optimizer.weight_decay", "the servers' tables do not decay"
        )
    if config.get("hyper_parameters.optimizer.clip_grad_norm"):
        raise config.error(
            "hyper_parameters.optimizer.clip_grad_norm",
            "no process of a parameter-server job has all gradients",
        )


def run(config: Config, role: Role, watch: Watch) -> None:
    """Serves or trains, as the role says, until the job has ended."""
    check(config)
    logger.info(
        "%s %d of a job of %d servers and %d trainers",
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
    # No Python runs until the servers are stopped, so a signal must do its work without.
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    job.serve()
    logger.info("server %d: stopped", role.index)


class _Found(NamedTuple):
    """A checkpoint that training starts from."""

    folder: str
    facts: Mapping[str, Any]
    epoch: int  # the first to train


def _train(config: Config, role: Role, watch: Watch) -> None:
    formats.check_installed(config.runner("checkpoint_format"))
    store.check_writable(config.runner("model_save_path"))
    trainers = len(role.trainers)
    source = sources.training_source(config, lambda rows: share(rows, role.index, trainers))
    found = _found(config)
    logger.info("waiting for all servers and trainers")
    job = Job(role)
    session = sessions.TrainerSession(config, job)
    if found:
        dense = formats.read(layout.path_of(found.folder, session.prefix, "pdparams"))
        matching.check(dense, session.shapes(), found.folder)
        session.load(dense, session.prefix)
    else:
        session.fit_inputs(sources.training_source(config))  # of all rows: all must agree
    session.connect()
    if found:
        _load_tables(found, job, session)
    visual = Visual(config.runner("visual_dir")) if _shows(config, role) else None
    try:
        _epochs(config, job, session, source, found.epoch if found else 0, visual)
    finally:
        if visual:
            visual.close()
    job.end(watch)


def _shows(config: Config, role: Role) -> bool:
    return role.is_first and config.runner("use_visual")


def _found(config: Config) -> _Found | None:
    """Returns the checkpoint to resume, or to start warm from; None to start anew."""
    prefix = sessions.TrainerSession.prefix
    if config.runner("resume"):
        newest = find.newest(config.runner("model_save_path"), prefix)
        if newest:
            folder, facts = newest
            if facts.get("seed") != config.runner("seed"):
                raise config.error("runner.seed", f"the run to resume has {facts.get('seed')}")
            logger.info("resuming after %s", folder)
            return _checked(config, _Found(folder, facts, facts["epoch"] + 1))
        logger.info("nothing to resume: starting anew")
    folder = config.runner("model_init_path")
    if not folder:
        return None
    return _checked(config, _Found(folder, find.read_facts(folder, prefix), 0))


def _checked(config: Config, found: _Found) -> _Found:
    if "tables" not in found.facts or "batches" in found.facts:
        raise UserError(f"{found.folder} was not saved by static_ps_trainer.py after an epoch")
    encoding.check(config, dict(found.facts), found.folder)
    return found


def _load_tables(found: _Found, job: Job, session: Any) -> None:
    saved = found.facts["tables"]
    shapes = {name: table["shape"] for name, table in job.tables.items()}
    for name, shape in shapes.items():
        there = saved[name]["shape"] if name in saved else "no such table"
        if there != shape:
            raise UserError(
                f"{found.folder} does not fit the model: {name}: {there} there, {shape} here"
            )
    job.load(server_tables.folder_of(found.folder, session.prefix), saved)


def _epochs(
    config: Config, job: Job, session: Any, source: Any, first: int, visual: Visual | None
) -> None:
    total = sources.length(source)
    clock = Clock()
    report = RunLog(clock, config.runner("print_interval"), total, visual, first * (total or 0))
    looked = finite_check.ParameterCheck(session, config.runner("on_nan"))
    for epoch in range(first, config.runner("epochs")):
        # Another row order and other dropout in each epoch, and the latter in each trainer.
        process.seed_everything(config.runner("seed") + job.role.index, epoch + 1)
        session.start_epoch(training=True)
        report.start_epoch(epoch)
        batches = session.batches(source, epoch)
        with interrupts.deferred("finishing the step"):
            try:
                rows = steps.run_steps(
                    session, batches, session.train_step, clock, report, looked.at_line
                )
            except Interrupted as stop:
                report.close()
                raise _stopped(stop.number, epoch, report.batches) from None
            except finite_check.NotFinite as fault:
                report.close()
                raise finite_check.error(fault, source, epoch, report.batches) from None
        metrics = session.metrics()
        clock.lap("metrics")
        report.end_epoch(metrics)
        logger.info("epoch: %d: trainer %d: %d rows", epoch, job.role.index, rows)
        looked.at_end(epoch, report.batches - 1)
        _save(config, job, session, epoch)


def _stopped(number: int, epoch: int, batches: int) -> Interrupted:
    return Interrupted(
        number,
        f"interrupted in epoch {epoch}, {batches} batches done; the whole job ends; "
        "runner.resume=True goes on after the last epoch that was saved",
    )


def _save(config: Config, job: Job, session: Any, epoch: int) -> None:
    """Saves an epoch: all trainers wait for it, the first one writes."""
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
        "tables": job.tables,
        "servers": len(job.role.servers),
        "trainers": len(job.role.trainers),
    }
    folder = store.save(
        root,
        epoch,
        session.prefix,
        session.state(),
        about,
        write_tables,
        form=config.runner("checkpoint_format"),
    )
    logger.info("saved %s", folder)
    if keep:
        store.prune(root, session.prefix, keep)
