"""A trainer's steps: those of static graph, with parameters that servers keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.config.config import Config
from engine.graphs import static, static_program
from engine.parameter_servers.job import Job
from engine.system.clock import Clock


def build(config: Config, job: Job) -> static_program.Built:
    """Builds the StaticModel of a configuration's folder for a job's servers and trainers."""
    return static_program.build(config, training=True, optimize=job.optimize, use_gpu=False)


class TrainerSession(static.StaticSession):
    """Trains on parameter servers.

    Its own parameters are the dense ones, as last fetched from the servers.

    Args:
        config: the configuration.
        job: what connects it to the servers.
    """

    def __init__(self, config: Config, job: Job):
        self._job = job
        super().__init__(config, training=True)

    def _build(self, config: Config, training: bool) -> static_program.Built:
        built = build(config, self._job)
        self._kept = set(self._job.sparse)
        return built

    def connect(self) -> None:
        """Joins the servers."""
        self._job.connect(self._program, self._scope)

    def train_step(self, batch: Any, clock: Clock) -> dict[str, Any]:
        """Takes one step from the newest dense parameters; returns what the model wants shown."""
        self._job.pull()
        return super().train_step(batch, clock)

    def save_tables(self, folder: str) -> None:
        """Lets the servers write their tables into a folder; see `Job.save`."""
        self._job.save(self.executor, self._program, folder)

    def state(self) -> dict[str, Any]:
        """Returns what a checkpoint holds beside the servers' tables."""
        self._job.pull()
        return {"pdparams": self.parameters()}

    def _variables(self, mode: str) -> Mapping[str, Any]:
        """Returns the variables that are here: not the tables, and no optimizer's."""
        if mode == "param":
            wanted = self._program.all_parameters()
        else:
            wanted = [one for one in self._program.list_vars() if one.persistable]
        here = {one.name: self._scope.find_var(one.name) for one in wanted}
        return {
            name: variable.get_tensor()
            for name, variable in here.items()
            if variable is not None and name not in self._kept and name not in ("feed", "fetch")
        }
