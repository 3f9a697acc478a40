"""The gradients of all processes become one, the same to the last bit in each of them.

Fleet's own wrapper, ``fleet.distributed_model`` (paddle.DataParallel), is not used: it averages
processes without weights, so a last batch of unlike parts would count wrongly; it hooks into
``forward`` of the net, which a model folder need not call; and a loss that is NaN, or a signal to
stop, must reach all processes in the same step, which would take a second exchange. One
all-reduce of all dense gradients, with a few numbers about the step at its end, does all of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import paddle
import paddle.distributed as distributed
import paddle.nn.functional as F
from paddle.nn.clip import get_tensor_from_selected_rows, merge_selected_rows

from engine.distributed.processes import World, lost_processes
from engine.system.errors import UserError

_NONE, _DENSE, _SPARSE = 0, 1, 2  # kinds of gradients
_HALF = 1 << 20  # a row's number travels beside its values as two floats, each of them exact


class StepReport(NamedTuple):
    """What the processes report each other beside the gradients of a step.

    Attributes:
        faults: how many had a loss that is no number.
        signals: how many were asked to end, by each of the signals.
    """

    faults: int
    signals: tuple[int, ...]


class GradientExchange:
    """Adds up the gradients of all processes.

    Args:
        parameters: the net's, in the same order everywhere.
        world: the processes.
    """

    def __init__(self, parameters: Sequence[paddle.Tensor], world: World):
        self._parameters = [each for each in parameters if not each.stop_gradient]
        self._world = world
        self._split: tuple[list, list] | None = None  # dense parameters, and sparse ones

    @paddle.no_grad()
    def __call__(self, weight: float, fault: bool, signals: Sequence[int]) -> StepReport:
        """Puts the weighted sum of all gradients in the place of each process's own.

        Args:
            weight: what this process's gradients count by.
            fault: whether this process's loss is no number; it may then have no gradients.
            signals: for each of some signals, whether this process was asked to end by it.

        Returns:
            What all said. After a fault the gradients are not to be used.
        """
        self._split = self._split or self._kinds()
        if self._split is None:  # no process has a gradient
            return StepReport(self._world.size, tuple(0 for _ in signals))
        dense, sparse = self._split
        present = [parameter.grad is not None for parameter in dense]
        rows = [_rows(parameter) for parameter in sparse]
        counts = np.zeros([len(sparse), self._world.size])
        counts[:, self._world.rank] = [len(numbers) for numbers, _ in rows]
        about = np.concatenate([[fault], signals, counts.reshape(-1), present])
        beside = paddle.to_tensor(about.astype(np.float32))
        *sums, beside = _added([*(_weighted(each, weight) for each in dense), beside])
        ends = [1 + len(signals), len(about) - len(dense)]
        head, counts, present = np.split(beside.numpy(), ends)
        report = StepReport(int(head[0]), tuple(map(int, head[1:])))
        if report.faults:
            return report
        for parameter, there, total in zip(dense, present, sums):
            if there:  # in some process
                parameter.grad = total
        lengths = counts.astype(int).reshape(len(sparse), self._world.size)
        for parameter, (numbers, values), each in zip(sparse, rows, lengths):
            _gather(parameter, numbers, values * weight, each)
        return report

    def _kinds(self) -> tuple[list, list] | None:
        """Returns the parameters with dense gradients and those with sparse ones, anywhere."""
        kinds = paddle.to_tensor([_kind(parameter) for parameter in self._parameters])
        with lost_processes():
            distributed.all_reduce(kinds, op=distributed.ReduceOp.MAX)
        found = kinds.numpy()
        if not found.any():
            return None
        pairs = list(zip(self._parameters, found))
        dense = [parameter for parameter, kind in pairs if kind != _SPARSE]
        return dense, [parameter for parameter, kind in pairs if kind == _SPARSE]


def _added(tensors: list[paddle.Tensor]) -> list[paddle.Tensor]:
    """Returns the sums over all processes of tensors, by one exchange for each dtype."""
    sums = list(tensors)
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        places = [place for place, tensor in enumerate(tensors) if tensor.dtype == dtype]
        some = [tensors[place] for place in places]
        joined = paddle.concat([paddle.reshape(tensor, [-1]) for tensor in some])
        with lost_processes():
            distributed.all_reduce(joined)
        parts = paddle.split(joined, [tensor.size for tensor in some])
        for place, tensor, part in zip(places, some, parts):
            sums[place] = paddle.reshape(part, tensor.shape)
    return sums


def _weighted(parameter: paddle.Tensor, weight: float) -> paddle.Tensor:
    """Returns a parameter's gradient times a weight; zeros if it has none."""
    if parameter.grad is None:
        return paddle.zeros(parameter.shape, parameter.dtype)
    return parameter.grad * weight


def _kind(parameter: paddle.Tensor) -> int:
    if parameter.grad is None:
        return _NONE
    return _SPARSE if parameter.grad.is_selected_rows() else _DENSE


def _rows(parameter: paddle.Tensor) -> tuple[np.ndarray, paddle.Tensor]:
    """Returns the rows of a sparse gradient, each once, and its values ``[rows, width]``."""
    if parameter.grad is None:
        empty = paddle.zeros([0, *parameter.shape[1:]], parameter.dtype)
        return np.zeros(0, np.int64), empty
    if not parameter.grad.is_selected_rows():
        raise UserError(f"{parameter.name}: its gradient is sparse in some steps, dense in others")
    merged = merge_selected_rows(parameter.grad)
    return np.array(merged.rows(), np.int64), get_tensor_from_selected_rows(merged)


def _gather(
    parameter: paddle.Tensor, rows: np.ndarray, values: paddle.Tensor, lengths: np.ndarray
) -> None:
    """Makes a sparse gradient that of all processes, their rows one after the other.

    Args:
        parameter: whose gradient it is.
        rows: this process's rows.
        values: their gradients.
        lengths: how many rows each process has.
    """
    parameter.clear_gradient(False)
    longest = int(lengths.max())
    if not longest:
        return
    halves = np.stack([rows // _HALF, rows % _HALF], axis=1).astype(np.float32)
    own = paddle.concat([values, paddle.to_tensor(halves).astype(values.dtype)], axis=1)
    if len(rows) < longest:
        own = F.pad(own, [0, longest - len(rows), 0, 0], value=0.0)
    every: list[paddle.Tensor] = []
    with lost_processes():
        distributed.all_gather(every, own)
    joined = paddle.concat([each[:length] for each, length in zip(every, lengths.tolist())])
    halves = joined[:, -2:].astype("int64")
    with paddle.enable_grad():  # what a look-up of these rows would leave as its gradient
        found = F.embedding(halves[:, 0] * _HALF + halves[:, 1], parameter, sparse=True)
    paddle.autograd.backward([found], [joined[:, :-2]])
