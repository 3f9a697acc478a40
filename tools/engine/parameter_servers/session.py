"""The session of a trainer: static graph with embedding tables on parameter servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.config.config import Config
from engine.graphs import static, static_program
from engine.model_folder import sparse_gradients
from engine.parameter_servers.job import Job
from engine.system.clock import Clock


def build(config: Config, job: Job) -> static_program.Built:
    """Builds the StaticModel of a configuration's folder for a parameter-server job."""
    with sparse_gradients.left_to_servers():
        return static_program.build(config, training=True, optimize=job.optimize, use_gpu=False)


class TrainerSession(static.StaticSession):
    """Trains a StaticModel with parameter servers.

    The session's parameters are the dense ones, as last fetched from the servers.

    Args:
        config: the configuration.
        job: the connection to the servers.
    """

    def __init__(self, config: Config, job: Job):
        self._job = job
        super().__init__(config, training=True)

    def _build(self, config: Config, training: bool) -> static_program.Built:
        built = build(config, self._job)
        self._server_tables = set(self._job.sparse)
        return built

    def connect(self) -> None:
        """Connects to the servers."""
        self._job.connect(self._program, self._scope)

    def train_step(self, batch: Any, clock: Clock) -> dict[str, Any]:
        """Takes one step with the newest dense parameters; returns the values to show."""
        self._job.pull()
        return super().train_step(batch, clock)

    def save_tables(self, folder: str) -> None:
        """Tells the servers to write their tables to a folder; see `Job.save`."""
        self._job.save(self.executor, self._program, folder)

    def state(self) -> dict[str, Any]:
        """Returns the content of a checkpoint apart from the servers' tables."""
        self._job.pull()
        return {"pdparams": self.parameters()}

    def _variables(self, mode: str) -> Mapping[str, Any]:
        """Returns the variables of this trainer; the servers' tables are not among them."""
        if mode == "param":
            variables = self._program.all_parameters()
        else:
            variables = [each for each in self._program.list_vars() if each.persistable]
        local = {each.name: self._scope.find_var(each.name) for each in variables}
        return {
            name: variable.get_tensor()
            for name, variable in local.items()
            if variable is not None and name not in {*self._server_tables, "feed", "fetch"}
        }
