"""Connects a process with the other processes of a parameter-server job through Fleet.

Paddle 2.6.2 has two pitfalls, and no public function for the first:

- ``Executor.run`` sends the gradients of dense parameters to the servers, but does not fetch the
  updated parameters. `Job.pull` fetches them before every step.
- ``fleet.stop_worker`` does not stop the servers.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterable
from typing import Any, NoReturn

import paddle

from engine.parameter_servers import fleet_module
from engine.parameter_servers.fleet_module import peer_errors, silenced
from engine.parameter_servers.roles import Role
from engine.parameter_servers.watch import Watch
from engine.system import interrupts
from engine.system.errors import UserError

_SHARDS = 32  # files of a saved table; Fleet's default of 1000 takes ten seconds even when empty
_TEXT = 0  # Fleet's number for saving complete tables as text


class Job:
    """One process's connection to a parameter-server job.

    Args:
        role: the role of this process.

    Attributes:
        role: the role of this process.
        sparse: the names of the embedding tables that the servers keep; set by `optimize`.
    """

    connected = False  # whether this process is connected to servers

    def __init__(self, role: Role):
        self.role = role
        paddle.enable_static()
        with silenced():
            self._fleet = fleet_module.import_fleet()
            self._fleet.init(self._fleet.PaddleCloudRoleMaker(), log_level="WARNING")
        self.sparse: list[str] = []
        self._tables: dict[str, dict] = {}

    def optimize(self, model: Any) -> None:
        """Adds Fleet's form of a StaticModel's optimizer to the program that is being built.

        Raises:
            UserError: the model has no sparse tables, or does not use Fleet's optimizer.
        """
        names = self.sparse = _sparse_tables(paddle.static.default_main_program())
        if not names:
            raise UserError(
                "parameter servers need embedding tables with sparse gradients, and the model has "
                "none: set hyper_parameters.sparse_fields, and keep sparse_gradients on"
            )
        with silenced():
            strategy = self._fleet.DistributedStrategy()
            strategy.a_sync = True
            for name in names:
                table = strategy.sparse_table_configs.add()
                table.table_name, table.shard_num = name, _SHARDS
            model.create_optimizer(strategy)
        if self._runtime is None:
            kind = type(model)
            raise UserError(
                f"{kind.__module__}.{kind.__name__}.create_optimizer(strategy) does not pass the "
                "strategy to fleet.distributed_optimizer"
            )

    def serve(self) -> None:
        """Runs this server until the first trainer stops it."""
        with silenced():
            self._fleet.init_server()
        self._fleet.run_server()

    def connect(self, program: Any, scope: Any) -> None:
        """Connects this trainer to the servers; all trainers get the first one's dense parameters.

        Args:
            program: the training program.
            scope: the scope of the trainer's parameters.

        Raises:
            UserError: the optimizer is not Adam.
        """
        from paddle.distributed.ps.utils.public import get_the_one_recv_context

        _wait_for(self.role.servers)
        Job.connected = True
        with silenced(), peer_errors():
            self._fleet.init_worker(scopes=[scope])
            self._dense = get_the_one_recv_context(self._runtime.context)
        self._scope = scope
        description = self._runtime.ps_desc_builder.ps_desc.worker_param.downpour_worker_param
        for table in description.downpour_table_param:
            common = table.common
            if table.table_class.startswith("Memory") and common.name != "adam":
                raise UserError(f"parameter servers train with Adam only, found {common.name}")
            if table.table_class.startswith("MemorySparse"):
                shape = program.global_block().var(common.table_name).shape
                self._tables[common.table_name] = {"id": table.table_id, "shape": list(shape)}

    @property
    def tables(self) -> dict[str, dict]:
        """The servers' tables by parameter name, each with its ``id`` and ``shape``."""
        return self._tables

    def pull(self) -> None:
        """Fetches the dense parameters from the servers."""
        with peer_errors():
            for table, names in self._dense.items():
                self._worker.pull_dense_params(self._scope, table, names)

    def flush(self) -> None:
        """Waits until the servers have received all gradients of this trainer."""
        self._worker.client_flush()

    def barrier(self) -> None:
        """Waits for all trainers."""
        with peer_errors():
            self._fleet.barrier_worker()

    def save(self, executor: Any, program: Any, folder: str) -> None:
        """Tells the servers to write their tables; all trainers must call it.

        Args:
            executor: the trainer's executor.
            program: the training program.
            folder: the folder to write to; only the first trainer's counts.

        Raises:
            UserError: the files of a server are missing in the folder.
        """
        with peer_errors():
            self._fleet.save_persistables(executor, folder, program, mode=_TEXT)
        if not self.role.is_first:
            return
        for name, table in self._tables.items():
            place = os.path.join(folder, f"{table['id']:03d}")
            files = os.listdir(place) if os.path.isdir(place) else []
            writers = {file.split("-")[1] for file in files}
            absent = [n for n in range(len(self.role.servers)) if f"{n:03d}" not in writers]
            if absent or len(files) < _SHARDS:
                found = f"{len(files)} of {_SHARDS} files"
                found += f", none of server {absent[0]}" if absent else ""
                raise UserError(
                    f"table {name} is incomplete in {place}: found {found}; "
                    "runner.model_save_path must be a folder that all hosts share"
                )

    def load(self, folder: str, tables: dict[str, dict]) -> None:
        """Tells the servers to read their tables; all trainers must call it.

        Args:
            folder: the folder that `save` wrote to.
            tables: the value of `tables` at that time.

        Raises:
            UserError: a table has another id now.
        """
        for name, table in self._tables.items():
            saved, current = tables[name]["id"], table["id"]
            if saved != current:  # Fleet names the table's folder by its id
                raise UserError(f"{folder}: table {name} has id {saved}, expected {current}")
            with peer_errors():
                self._fleet.load_one_table(table["id"], folder, _TEXT)

    def end(self, watch: Watch) -> None:
        """Ends the job: the trainers disconnect, and the first one stops the servers."""
        self.barrier()
        watch.finished()
        self.barrier()  # now all watchers know that processes may end
        if not self.role.is_first:
            self._fleet.stop_worker()
        self.barrier()
        if self.role.is_first:
            self._worker.stop_server()
            self._fleet.stop_worker()

    @property
    def _runtime(self) -> Any:
        return getattr(self._fleet.fleet, "_runtime_handle", None)

    @property
    def _worker(self) -> Any:
        return self._runtime._worker


def _wait_for(endpoints: Iterable[str]) -> None:
    """Waits until all servers accept connections; the watcher limits the time."""
    for endpoint in endpoints:
        host, _, port = endpoint.rpartition(":")
        while True:
            interrupts.check()
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)


def _sparse_tables(program: Any) -> list[str]:
    """Returns the names of a program's embedding tables whose gradients are sparse."""
    from paddle.distributed.ps.utils.public import is_distributed_sparse_op, is_sparse_op

    operators = program.global_block().ops
    lookups = [op for op in operators if is_sparse_op(op) or is_distributed_sparse_op(op)]
    return sorted({op.input("W")[0] for op in lookups})


def end_process(code: int) -> NoReturn:
    """Ends a process that may be connected to servers.

    After an error the process ends without Python's clean-up: before `Job.end`, Fleet's threads
    would crash in it and print pages.

    Args:
        code: the exit code.
    """
    if code and Job.connected:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
