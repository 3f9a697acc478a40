"""Sums gradients over all processes, bit-identically in each of them.

Fleet's own wrapper, ``fleet.distributed_model`` (paddle.DataParallel), is not used:

- It averages processes without weights, so a last batch of unequal parts would count wrongly.
- It hooks into ``forward`` of the net, and a model folder need not call that.
- It does not tell all processes in the same step about a NaN loss or a signal to stop.

Here one all-reduce takes all dense gradients, with a few numbers about the step at its end.
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
_HALF = 1 << 20  # a row number is sent beside its values as two floats, each of them exact


class StepReport(NamedTuple):
    """What the processes tell each other in a step, besides gradients.

    Attributes:
        faults: the number of processes whose loss is NaN or infinite.
        signals: the number of processes that received each signal.
    """

    faults: int
    signals: tuple[int, ...]


class GradientExchange:
    """Sums the gradients of all processes.

    Args:
        parameters: the net's parameters, in the same order in all processes.
        world: the processes.
    """

    def __init__(self, parameters: Sequence[paddle.Tensor], world: World):
        self._parameters = [each for each in parameters if not each.stop_gradient]
        self._world = world
        self._split: tuple[list, list] | None = None  # dense and sparse parameters

    @paddle.no_grad()
    def __call__(self, weight: float, fault: bool, signals: Sequence[int]) -> StepReport:
        """Replaces each process's gradients by their weighted sum over all processes.

        Args:
            weight: the weight of this process's gradients.
            fault: whether this process's loss is NaN or infinite; it may then have no gradients.
            signals: for each signal, 1 if this process received it, else 0.

        Returns:
            The report of all processes. After a fault the gradients must not be used.
        """
        self._split = self._split or self._split_by_kind()
        if self._split is None:  # no process has a gradient
            return StepReport(self._world.size, tuple(0 for _ in signals))
        dense, sparse = self._split
        present = [parameter.grad is not None for parameter in dense]
        rows = [_rows(parameter) for parameter in sparse]
        counts = np.zeros([len(sparse), self._world.size])
        counts[:, self._world.rank] = [len(numbers) for numbers, _ in rows]
        message = np.concatenate([[fault], signals, counts.reshape(-1), present])
        gradients = [_weighted_gradient(each, weight) for each in dense]
        *sums, total = _all_reduce([*gradients, paddle.to_tensor(message.astype(np.float32))])
        ends = [1 + len(signals), len(message) - len(dense)]
        head, counts, present = np.split(total.numpy(), ends)
        report = StepReport(int(head[0]), tuple(map(int, head[1:])))
        if report.faults:
            return report
        for parameter, processes, gradient in zip(dense, present, sums):
            if processes:  # the number of processes that have this gradient
                parameter.grad = gradient
        lengths = counts.astype(int).reshape(len(sparse), self._world.size)
        for parameter, (numbers, values), each in zip(sparse, rows, lengths):
            _gather(parameter, numbers, values * weight, each)
        return report

    def _split_by_kind(self) -> tuple[list, list] | None:
        """Returns the parameters with dense and with sparse gradients in any process."""
        kinds = paddle.to_tensor([_kind(parameter) for parameter in self._parameters])
        with lost_processes():
            distributed.all_reduce(kinds, op=distributed.ReduceOp.MAX)
        if not kinds.numpy().any():
            return None
        pairs = list(zip(self._parameters, kinds.numpy()))
        dense = [parameter for parameter, kind in pairs if kind != _SPARSE]
        return dense, [parameter for parameter, kind in pairs if kind == _SPARSE]


def _all_reduce(tensors: list[paddle.Tensor]) -> list[paddle.Tensor]:
    """Returns the sums of tensors over all processes, with one exchange for each dtype."""
    sums = list(tensors)
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        places = [place for place, tensor in enumerate(tensors) if tensor.dtype == dtype]
        parts = [tensors[place] for place in places]
        joined = paddle.concat([paddle.reshape(part, [-1]) for part in parts])
        with lost_processes():
            distributed.all_reduce(joined)
        totals = paddle.split(joined, [part.size for part in parts])
        for place, part, total in zip(places, parts, totals):
            sums[place] = paddle.reshape(total, part.shape)
    return sums


def _weighted_gradient(parameter: paddle.Tensor, weight: float) -> paddle.Tensor:
    """Returns a parameter's gradient times a weight; zeros if it has none."""
    if parameter.grad is None:
        return paddle.zeros(parameter.shape, parameter.dtype)
    return parameter.grad * weight


def _kind(parameter: paddle.Tensor) -> int:
    if parameter.grad is None:
        return _NONE
    return _SPARSE if parameter.grad.is_selected_rows() else _DENSE


def _rows(parameter: paddle.Tensor) -> tuple[np.ndarray, paddle.Tensor]:
    """Returns the row numbers of a sparse gradient, each once, and its values ``[rows, width]``."""
    if parameter.grad is None:
        empty = paddle.zeros([0, *parameter.shape[1:]], parameter.dtype)
        return np.zeros(0, np.int64), empty
    if not parameter.grad.is_selected_rows():
        raise UserError(
            f"parameter {parameter.name}: its gradient is sparse in some steps and dense in "
            "others; several processes can train it only if it is always of one kind"
        )
    merged = merge_selected_rows(parameter.grad)
    return np.array(merged.rows(), np.int64), get_tensor_from_selected_rows(merged)


def _gather(
    parameter: paddle.Tensor, rows: np.ndarray, values: paddle.Tensor, lengths: np.ndarray
) -> None:
    """Replaces a sparse gradient by the rows of all processes, in the order of ranks.

    Args:
        parameter: the parameter, ``[rows, width]``.
        rows: the numbers of this process's rows.
        values: their gradients, ``[len(rows), width]``.
        lengths: each process's number of rows.
    """
    parameter.clear_gradient(False)
    longest = int(lengths.max())
    if not longest:
        return
    halves = np.stack([rows // _HALF, rows % _HALF], axis=1).astype(np.float32)
    local = paddle.concat([values, paddle.to_tensor(halves).astype(values.dtype)], axis=1)
    if len(rows) < longest:
        local = F.pad(local, [0, longest - len(rows), 0, 0], value=0.0)
    gathered: list[paddle.Tensor] = []
    with lost_processes():
        distributed.all_gather(gathered, local)
    joined = paddle.concat([each[:length] for each, length in zip(gathered, lengths.tolist())])
    halves = joined[:, -2:].astype("int64")
    with paddle.enable_grad():  # only autograd makes a sparse gradient, here that of a look-up
        looked_up = F.embedding(halves[:, 0] * _HALF + halves[:, 1], parameter, sparse=True)
    paddle.autograd.backward([looked_up], [joined[:, :-2]])
