"""The training loop over epochs, the same for dygraph, static graph and several processes.

`Training.run` goes over the epochs. In each epoch, `run_steps` calls the session's `train_step` for
every batch: forward, backward and the optimizer's step. This module decides what happens around
the steps: resuming, validation, early stopping and saving.
"""

from __future__ import annotations

import logging
from contextlib import closing
from typing import Any, Callable

from engine.checkpoints import facts as facts_of
from engine.checkpoints import formats, layout, runs, store
from engine.config import listing
from engine.config.config import Config
from engine.data import column_statistics
from engine.data.sources import ModelSource, Source, length
from engine.distributed import processes
from engine.evaluation import gates, visual
from engine.evaluation.progress import RunLog
from engine.evaluation.steps import end_epoch, run_steps
from engine.evaluation.summary import Summary
from engine.evaluation.undefined_metrics import UndefinedMetrics
from engine.graphs import checkpoint_loading, finite_check
from engine.graphs.session import Batches, Session
from engine.model_folder import loading, seeds
from engine.system import interrupts
from engine.system.clock import Clock
from engine.system.errors import UserError
from engine.system.interrupts import Interrupted
from engine.training import resume
from engine.training.early_stopping import EarlyStopping
from engine.training.learning_rate import ScheduledRate
from engine.training.monitor import Monitor, Stopped

logger = logging.getLogger(__name__)

_FACTS = "controls"  # the key of a checkpoint's facts about monitor, schedule and averages


def train(
    session: Session,
    config: Config,
    source: Source | ModelSource,
    on_epoch_end: Callable[[int, EarlyStopping], None] | None = None,
) -> Summary:
    """Trains up to ``runner.epochs`` epochs and saves a checkpoint after each.

    Args:
        session: the session to train.
        config: its configuration.
        source: the training batches.
        on_epoch_end: called after every epoch with its number and its early stopping.

    Raises:
        Interrupted: a signal arrived; the training so far is saved.
        UserError: data cannot be read, a checkpoint cannot be saved, or a loss is not finite.
    """
    with closing(Training(session, config, source, on_epoch_end)) as training:
        return training.run()


def check(session: Session, source: Source | ModelSource, config: Config) -> None:
    """Checks that training with this configuration could start, without training.

    Raises:
        UserError: it could not.
    """
    Monitor(session, config, ScheduledRate(session, config, length(source)).evaluated)


class Training:
    """One training run; `run` is its outline.

    Args:
        session, config, source: see `train`.
        on_epoch_end: see `train`.
    """

    def __init__(
        self,
        session: Session,
        config: Config,
        source: Source | ModelSource,
        on_epoch_end: Callable[[int, EarlyStopping], None] | None,
    ):
        self._session, self._config, self._source = session, config, source
        self._on_epoch_end = on_epoch_end
        self._root = config.runner("model_save_path")
        self._world = processes.current()
        self._summary, self._clock, self._undefined = Summary(), Clock(), UndefinedMetrics()
        formats.check_installed(config.runner("checkpoint_format"))
        store.check_writable(self._root)
        self._length = length(source)
        self._rate = ScheduledRate(session, config, self._length)
        self._monitor = Monitor(session, config, self._rate.evaluated)
        self._position = resume.start(session, config, source)
        steps = self._position.epoch * (self._length or 0) + self._position.batches
        saved = self._continue_checkpoint(steps)
        self._visual = visual.start(config, saved.get(visual.RUN_KEY), steps)
        interval = config.runner("print_interval")
        self._log = RunLog(self._clock, interval, self._length, self._visual, steps)
        self._parameters = finite_check.ParameterCheck(session, config.runner("on_nan"))
        self._monitor.start(self._log, self._check_finite, self._facts)
        column_statistics.report_training(config, source, self._monitor.validation_source)

    def run(self) -> Summary:
        """Trains and returns what the run measured."""
        epochs, first = self._config.runner("epochs"), self._position.epoch
        if first >= epochs:
            logger.info("all %d epochs are trained", epochs)
        with interrupts.deferred(together=self._world.size > 1):
            for epoch in range(first, epochs):
                if self._monitor.stopped:
                    break
                batches = self._start_epoch(epoch)
                try:
                    self._train_epoch(epoch, batches)
                except Stopped:
                    self._save_inside_epoch(epoch)
                    break
                except Interrupted as stop:
                    folder = self._save_inside_epoch(epoch)
                    raise _interrupted(stop.number, epoch, self._log.batches, folder) from None
                except finite_check.NotFinite as fault:
                    raise self._not_finite(fault) from None
                except Exception as problem:
                    raise self._save_after(problem, epoch) from None
                self._finish_epoch(epoch)
        self._monitor.log_result()
        self._summary.valid, self._summary.best = self._monitor.evaluations, self._monitor.best
        self._summary.seconds = self._clock.total()
        if first < epochs and self._world.rank == 0:
            gates.show_trained(self._session, self._source, self._root, self._visual)
        return self._summary

    def close(self) -> None:
        """Writes the records for VisualDL that are still buffered."""
        if self._visual:
            self._visual.close()

    def _start_epoch(self, epoch: int) -> Batches:
        """Prepares an epoch, in its middle if that is where the run resumes."""
        seeds.before_epoch(self._config, epoch)
        self._session.start_epoch(training=True)
        batches = self._session.batches(self._source, epoch)
        position, resumed = self._position, epoch == self._position.epoch
        if resumed and (position.batches or position.first_row):
            try:
                resume.enter(self._session, batches, position)
            except Interrupted as stop:  # the checkpoint to resume is still there
                done, folder = position.batches, position.folder
                raise _interrupted(stop.number, epoch, done, folder) from None
        self._log.start_epoch(epoch, position.batches if resumed else 0)
        return batches

    def _train_epoch(self, epoch: int, batches: Batches) -> None:
        self._epoch_done = False
        monitored = self._monitor.every_step
        if monitored and self._log.batches:
            self._after_step()  # the interrupted run may have missed this evaluation
        step = self._scheduled_step if self._rate.active else self._session.train_step
        self._summary.rows += run_steps(
            self._session,
            batches,
            step,
            self._clock,
            self._log,
            self._parameters.at_line,
            self._after_step if monitored else None,
        )
        self._check_finite()
        metrics = end_epoch(self._session, self._clock, self._log, self._undefined)
        self._summary.metrics[epoch] = metrics
        if self._session.skipped and self._session.skipped == self._log.batches:
            raise UserError(f"epoch: {epoch}: the loss of every batch is NaN or infinite")
        self._epoch_done = True
        self._monitor.end_epoch()

    def _scheduled_step(self, batch: Any, clock: Clock) -> dict[str, Any]:
        return self._rate.step(batch, clock, self._log.epoch, self._batches_done())

    def _after_step(self) -> None:
        last = self._length is not None and self._batches_done() >= self._length
        self._monitor.after_step(epoch_done=last)

    def _batches_done(self) -> float:
        """Returns the epoch's batches that are done, in batches of this run's size.

        A fraction if the run resumed inside the epoch with another number of processes.
        """
        position = self._position
        if not position.first_row or self._log.epoch != position.epoch:
            return self._log.batches
        size = (self._source.batch_size or 1) * self._world.size
        return self._log.batches + position.first_row / size

    def _finish_epoch(self, epoch: int) -> None:
        """Saves an epoch; then ends the run if a signal arrived meanwhile."""
        folder = self._world.on_main_process(lambda: self._save(epoch))
        self._world.share_signals()
        if self._on_epoch_end:
            self._on_epoch_end(epoch, self._monitor.early_stopping)
        try:
            interrupts.check()
        except Interrupted as stop:
            raise _interrupted(stop.number, epoch, None, folder) from None

    def _save(self, epoch: int) -> str:
        """Saves an epoch's checkpoint, removes outdated ones, and returns its folder."""
        session, config, keep = self._session, self._config, self._config.runner("keep_checkpoints")
        about = {**checkpoint_loading.facts(session, config), **self._facts()}
        form, prefix = config.runner("checkpoint_format"), session.prefix
        state, export = session.state(), session.export
        folder = store.save(self._root, epoch, prefix, state, about, export, form=form)
        listing.save(config, self._root, loading.hyper_parameters(config.folder))
        column_statistics.save(self._source, self._root)
        logger.info("saved %s", folder)
        store.remove(self._root, layout.INTERRUPTED, prefix)
        if keep:
            store.prune(self._root, prefix, keep)
        return folder

    def _save_inside_epoch(self, epoch: int) -> str:
        """Saves a run that ends inside an epoch and returns the folder."""
        self._log.close()
        self._check_finite()
        first_row = self._position.first_row if epoch == self._position.epoch else 0
        batches, facts = self._log.batches, self._facts()
        return resume.save_interrupted(
            self._session, self._config, self._source, epoch, batches, first_row, facts
        )

    def _save_after(self, problem: Exception, epoch: int) -> Exception:
        """Saves a run if its evaluation failed; returns the error to raise."""
        alone = self._epoch_done or self._world.size == 1  # others may not know of the problem
        if not self._monitor.evaluating or not alone:
            return problem
        if self._epoch_done:
            folder = self._save(epoch) if self._world.rank == 0 else self._root
        else:
            folder = self._save_inside_epoch(epoch)
        if not isinstance(problem, UserError):
            return problem
        return UserError(f"{problem}; saved {folder}; runner.resume=True continues there")

    def _check_finite(self) -> None:
        """Checks the losses that were not yet read, and all parameters.

        Raises:
            UserError: one of them is NaN or infinite.
        """
        try:
            self._session.check_pending_losses()
        except finite_check.NotFinite as fault:
            raise self._not_finite(fault) from None
        self._parameters.at_end(self._log.epoch, self._log.batches - 1)

    def _not_finite(self, fault: finite_check.NotFinite) -> UserError:
        """Returns the error for a loss that is NaN or infinite, in this or another process."""
        self._log.close()
        problem = None
        if not fault.elsewhere:
            epoch, batches = self._log.epoch, self._log.batches
            problem = str(finite_check.error(fault, self._source, epoch, batches))
        return UserError(self._world.first_problem(problem))

    def _facts(self) -> dict[str, Any]:
        """Returns what a checkpoint records about the run, evaluation, schedule and averages."""
        facts = {**self._rate.facts(), **self._monitor.facts()}
        if self._config.runner("ema_decay"):
            facts["ema_decay"] = self._config.runner("ema_decay")
        if self._visual:
            facts[visual.RUN_KEY] = self._visual.run
        return {runs.KEY: self._run, **({_FACTS: facts} if facts else {})}

    def _continue_checkpoint(self, steps: int) -> dict[str, Any]:
        """Restores monitor and schedule from the checkpoint to resume; returns its facts."""
        folder = self._position.folder
        facts = facts_of.read(folder, self._session.prefix) if folder else {}
        saved = facts.get(_FACTS, {})
        self._run = runs.identity(self._config, facts)
        self._rate.resume(saved, steps)
        decay = self._config.runner("ema_decay")
        if decay and saved.get("ema_decay", decay) != decay:
            reason = f"the run to resume averages with decay {saved['ema_decay']:g}"
            raise self._config.error("runner.ema_decay", reason)
        self._monitor.resume(saved, self._position.same)
        return saved


def _interrupted(number: int, epoch: int, batches: int | None, folder: str) -> Interrupted:
    """Returns the user's message; ``batches`` is None after a complete epoch."""
    place = f"after epoch {epoch}"
    if batches is not None:
        place = f"in epoch {epoch}, {batches} batches done"
    message = f"interrupted {place}; saved {folder}; runner.resume=True continues there"
    return Interrupted(number, message)
