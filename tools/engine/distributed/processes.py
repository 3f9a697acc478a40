"""Connects the processes of a data-parallel run, and exchanges values other than gradients.

With ``runner.use_fleet`` and ``python -m paddle.distributed.launch`` several processes train one
model. Paddle's Fleet connects them: gloo on CPUs, NCCL on GPUs. A run of one process is a `World`,
whose methods exchange nothing; several processes are a `FleetWorld`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Callable, TypeVar

import numpy as np

from engine.config.config import Config
from engine.distributed.launch_environment import parse_endpoints, read_integer
from engine.system import interrupts
from engine.system.errors import UserError

Result = TypeVar("Result")

_LAUNCH = "python -m paddle.distributed.launch --nproc_per_node N tools/trainer.py -m ..."


class World:
    """The processes of a run: here, one process.

    Attributes:
        rank: this process's number.
        size: the number of processes.
    """

    rank, size = 0, 1

    @contextmanager
    def main_process_first(self, per_host: bool = True) -> Iterator[None]:
        """Runs a block in one process before the others run it.

        Args:
            per_host: whether one process of each host runs first, because each host may have its
                own disks; if not, one process of the run.
        """
        yield

    def on_main_process(self, do: Callable[[], Result]) -> Result:
        """Runs ``do`` on rank 0 only; every rank gets its result or its error."""
        return do()

    def all_gather(self, value: Any) -> list:
        """Returns every rank's value, in the order of ranks."""
        return [value]

    def all_reduce(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """Returns the sums of arrays over all ranks; their shapes are equal on all ranks."""
        return arrays

    def check_equal(self, what: str, value: Any, advice: str) -> None:
        """Checks that all ranks have the same value.

        Raises:
            UserError: the values differ.
        """

    def first_problem(self, problem: str | None) -> str | None:
        """Returns the problem of the first rank that has one."""
        return problem

    def share_signals(self) -> None:
        """Sends a signal that one process received to all; see `interrupts.check`."""


class FleetWorld(World):
    """Several processes, connected by Fleet.

    Args:
        rank: this process's number.
        size: the number of processes.
        local_rank: this process's number on its host.
    """

    def __init__(self, rank: int, size: int, local_rank: int):
        self.rank, self.size, self._local_rank = rank, size, local_rank

    @contextmanager
    def main_process_first(self, per_host: bool = True) -> Iterator[None]:
        """Runs a block in one process before the others run it; see `World`."""
        problem = None
        if self._local_rank if per_host else self.rank:
            problem = self.first_problem(None)
            if problem:
                raise UserError(problem)
            yield
            return
        try:
            yield
        except UserError as error:
            problem = str(error)
            raise
        except BaseException as error:
            problem = f"rank {self.rank}: {type(error).__name__}: {error}"
            raise
        finally:
            self.first_problem(problem)

    def on_main_process(self, do: Callable[[], Result]) -> Result:
        """Runs ``do`` on rank 0 only; every rank gets its result or its error."""
        result = problem = None
        if self.rank == 0:
            try:
                result = do()
            except UserError as error:
                problem = error
        message, result = self.all_gather((str(problem) if problem else None, result))[0]
        if message:
            raise problem or UserError(message)
        return result

    def all_gather(self, value: Any) -> list:
        """Returns every rank's value, in the order of ranks."""
        import paddle.distributed as distributed

        values: list = []
        with lost_processes():
            distributed.all_gather_object(values, value)
        return values

    def all_reduce(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """Returns the sums of arrays over all ranks; their shapes are equal on all ranks."""
        import paddle

        arrays = [np.asarray(array) for array in arrays]
        flat = np.concatenate([array.reshape(-1).astype(np.float64) for array in arrays])
        tensor = paddle.to_tensor(flat)
        with lost_processes():
            paddle.distributed.all_reduce(tensor)
        parts = np.split(tensor.numpy(), np.cumsum([array.size for array in arrays])[:-1])
        return [part.reshape(array.shape).astype(array.dtype) for part, array in zip(parts, arrays)]

    def check_equal(self, what: str, value: Any, advice: str) -> None:
        """Checks that all ranks have the same value.

        Raises:
            UserError: the values differ.
        """
        values = self.all_gather(value)
        other = next((rank for rank, each in enumerate(values) if each != values[0]), None)
        if other is not None:
            raise UserError(
                f"the processes of this run differ: rank 0 has {what} {values[0]}, rank {other} "
                f"has {values[other]}: {advice}"
            )

    def first_problem(self, problem: str | None) -> str | None:
        """Returns the problem of the first rank that has one."""
        return next((each for each in self.all_gather(problem) if each), None)

    def share_signals(self) -> None:
        """Sends a signal that one process received to all; see `interrupts.check`."""
        numbers = [number for number in self.all_gather(interrupts.received()) if number]
        if numbers:
            interrupts.end_by(numbers[0])


@contextmanager
def lost_processes() -> Iterator[None]:
    """Turns Paddle's errors about a lost process into a UserError."""
    try:
        yield
    except (RuntimeError, OSError, SystemError, ValueError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = next((line for line in lines if "rror" in line), lines[-1] if lines else "")
        raise UserError(
            f"another process of this run has ended or cannot be reached ({reason[:200]}); "
            "the saved checkpoints are complete"
        ) from error


_world = World()


def current() -> World:
    """Returns the processes of this run."""
    return _world


def start(config: Config, graph: str) -> World:
    """Connects this process with the others if ``runner.use_fleet`` is set.

    Args:
        config: the configuration.
        graph: ``dygraph`` or ``static``.

    Raises:
        UserError: the processes cannot be connected, or a variable of the launcher is wrong.
    """
    global _world
    _world = World()
    size = read_integer("PADDLE_TRAINERS_NUM", 1, minimum=1)
    if not config.runner("use_fleet"):
        if size > 1:
            raise UserError(
                f"this is one of {size} processes, and each would do the same work: set -o "
                "runner.use_fleet=True"
            )
        return _world
    if graph == "static":
        reason = (
            "Paddle's static graph does not train with several processes on CPUs, and on GPUs it "
            f"is not supported here: train in dygraph, {_LAUNCH}"
        )
        raise config.error("runner.use_fleet", reason)
    if size > 1:
        rank = read_integer("PADDLE_TRAINER_ID", 0)
        if rank >= size:
            raise UserError(f"PADDLE_TRAINER_ID = {rank}: expected less than {size} processes")
        _check_endpoints(size)
        rank_in_node = read_integer("PADDLE_RANK_IN_NODE", 0)
        local_rank = read_integer("PADDLE_LOCAL_RANK", rank_in_node)
        _connect(config)
        _world = FleetWorld(rank, size, local_rank)
    return _world


def _check_endpoints(size: int) -> None:
    """Checks the list of endpoints: with a wrong one, Fleet may wait forever."""
    name = "PADDLE_TRAINER_ENDPOINTS"
    text = os.environ.get(name)
    number = len(parse_endpoints(name, text)) if text else size  # Fleet reports a missing list
    if number != size:
        raise UserError(f"{name} has {number} endpoints: expected {size}, one for each process")


def _connect(config: Config) -> None:
    import paddle
    from paddle.distributed import fleet

    from engine.system import device

    paddle.disable_static()
    if device.select_device(config.runner("use_gpu")) == "cpu":
        os.environ["PADDLE_DISTRI_BACKEND"] = "gloo"  # a Paddle for GPUs would choose NCCL
    try:
        fleet.init(is_collective=True, log_level="ERROR")
    except AttributeError as error:  # Paddle 2.6 needs protobuf below 7
        raise UserError(
            f"Paddle's Fleet does not start ({error}): Paddle {paddle.__version__} may need "
            'another protobuf: pip install "protobuf<7"'
        ) from error
    except (RuntimeError, OSError, ValueError) as error:
        raise UserError(f"Paddle's Fleet does not start: {error}") from error


def mean_over_ranks(world: World, values: Mapping[str, Any], share: float) -> dict[str, Any]:
    """Returns a step's values; those of one number are averaged over the rows of all ranks.

    Args:
        world: the processes.
        values: this rank's values by name; empty if it had no rows.
        share: this rank's fraction of the step's rows.
    """
    arrays = {name: np.asarray(value) for name, value in values.items()}
    numbers = {name: float(value.item()) for name, value in arrays.items() if value.size == 1}
    ranks = [(part, each) for part, each in world.all_gather((share, numbers)) if each]
    total = sum(part for part, _ in ranks)
    means = {}
    for name in ranks[0][1] if ranks else ():
        means[name] = sum(part * each[name] for part, each in ranks) / total
    return {**values, **means}
