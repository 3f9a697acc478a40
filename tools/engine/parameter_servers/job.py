"""Fleet's parameter servers, as the trainers and servers here use them.

What Paddle 2.6.2 does is not what one would expect, and no public function helps with some of it:

- ``Executor.run`` sends the gradients of dense parameters to the servers and never fetches what
  becomes of them: `Job.pull` must, before every step, or the dense part stays as it began.
- ``fleet.stop_worker`` ends no server.
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
from engine.parameter_servers.fleet_module import others_there, quiet
from engine.parameter_servers.roles import Role
from engine.parameter_servers.watch import Watch
from engine.system import interrupts
from engine.system.errors import UserError

_SHARDS = 32  # files that a table is saved as; Fleet's 1000 take ten seconds whatever is in them
_TEXT = 0  # Fleet's number for saving all that a table holds


class Job:
    """A process's part of a parameter-server job.

    Args:
        role: what the process is.

    Attributes:
        role: what the process is.
        sparse: the names of the tables that servers keep, once `optimize` has seen the program.
    """

    connected = False  # this process, to servers

    def __init__(self, role: Role):
        self.role = role
        paddle.enable_static()
        with quiet():
            self._fleet = fleet_module.imported()
            self._fleet.init(self._fleet.PaddleCloudRoleMaker(), log_level="WARNING")
        self.sparse: list[str] = []
        self._tables: dict[str, dict] = {}

    def optimize(self, model: Any) -> None:
        """Adds the optimizer of a StaticModel to the program that is being built, as Fleet's.

        Raises:
            UserError: the model leaves nothing to parameter servers.
        """
        names = self.sparse = _sparse_tables(paddle.static.default_main_program())
        if not names:
            raise UserError(
                "parameter servers keep embedding tables with sparse gradients, and the model has "
                "none: set hyper_parameters.sparse_fields and leave sparse_gradients on"
            )
        with quiet():
            strategy = self._fleet.DistributedStrategy()
            strategy.a_sync = True
            for name in names:
                table = strategy.sparse_table_configs.add()
                table.table_name, table.shard_num = name, _SHARDS
            model.create_optimizer(strategy)
        if self._runtime is None:
            kind = type(model)
            raise UserError(
                f"{kind.__module__}.{kind.__name__}.create_optimizer(strategy) does not give the "
                "strategy to fleet.distributed_optimizer"
            )

    def serve(self) -> None:
        """Keeps tables until the first trainer ends the servers."""
        with quiet():
            self._fleet.init_server()
        self._fleet.run_server()

    def connect(self, program: Any, scope: Any) -> None:
        """Joins trainer and servers; the first trainer's dense parameters become everybody's.

        Args:
            program: what takes the trainer's steps.
            scope: where the trainer's parameters are.

        Raises:
            UserError: the optimizer is none that works with parameter servers.
        """
        from paddle.distributed.ps.utils.public import get_the_one_recv_context

        _wait_for(self.role.servers)
        Job.connected = True
        with quiet(), others_there():
            self._fleet.init_worker(scopes=[scope])
            self._dense = get_the_one_recv_context(self._runtime.context)
        self._scope = scope
        described = self._runtime.ps_desc_builder.ps_desc.worker_param.downpour_worker_param
        for table in described.downpour_table_param:
            common = table.common
            if table.table_class.startswith("Memory") and common.name != "adam":
                raise UserError(f"parameter servers train with Adam alone, found {common.name}")
            if table.table_class.startswith("MemorySparse"):
                shape = program.global_block().var(common.table_name).shape
                self._tables[common.table_name] = {"id": table.table_id, "shape": list(shape)}

    @property
    def tables(self) -> dict[str, dict]:
        """What the servers keep of the program's parameters: number and shape, by name."""
        return self._tables

    def pull(self) -> None:
        """Fetches the dense parameters from the servers."""
        with others_there():
            for table, names in self._dense.items():
                self._worker.pull_dense_params(self._scope, table, names)

    def flush(self) -> None:
        """Waits until the servers have all that this trainer sent."""
        self._worker.client_flush()

    def barrier(self) -> None:
        """Waits for all trainers."""
        with others_there():
            self._fleet.barrier_worker()

    def save(self, executor: Any, program: Any, folder: str) -> None:
        """Lets the servers write their tables; every trainer calls it, the first one's counts.

        Raises:
            UserError: not every server has written where this process can see it.
        """
        with others_there():
            self._fleet.save_persistables(executor, folder, program, mode=_TEXT)
        if not self.role.is_first:
            return
        for name, table in self._tables.items():
            place = os.path.join(folder, f"{table['id']:03d}")
            found = os.listdir(place) if os.path.isdir(place) else []
            written = {file.split("-")[1] for file in found}
            absent = [n for n in range(len(self.role.servers)) if f"{n:03d}" not in written]
            if absent or len(found) < _SHARDS:
                missing = f"of server {absent[0]}" if absent else f"{len(found)} of {_SHARDS} files"
                raise UserError(
                    f"table {name} is not whole in {place}, {missing}: runner.model_save_path must "
                    "be a folder that all hosts share"
                )

    def load(self, folder: str, tables: dict[str, dict]) -> None:
        """Lets the servers read their tables; every trainer calls it.

        Args:
            folder: what `save` wrote into.
            tables: what `tables` was then.
        """
        for name, table in self._tables.items():
            if tables[name]["id"] != table["id"]:  # the folder is named after it
                raise UserError(f"{folder}: {name} is table {tables[name]['id']} there")
            with others_there():
                self._fleet.load_one_table(table["id"], folder, _TEXT)

    def end(self, watch: Watch) -> None:
        """Ends the job: trainers leave, and the first one stops the servers."""
        self.barrier()
        watch.finished()
        self.barrier()  # now every watcher knows, and servers may end
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
    """Waits until servers can be connected to; how long at most is the watcher's affair."""
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
    wanted = [op for op in operators if is_sparse_op(op) or is_distributed_sparse_op(op)]
    return sorted({op.input("W")[0] for op in wanted})


def end_process(code: int) -> NoReturn:
    """Ends a process that may be connected to servers.

    Fleet's threads crash, and print pages, where Python ends in an orderly way before `Job.end`.

    Args:
        code: the exit code.
    """
    if code and Job.connected:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
