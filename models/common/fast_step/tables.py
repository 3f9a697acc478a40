"""Look-ups in embedding tables, as lines of a fast step; see `operators`."""

from __future__ import annotations

import numpy as np
import paddle
from paddle import _C_ops
from paddle.utils.dlpack import from_dlpack

from models.common.fast_step.symbols import Symbol, apply


def lookup(rows: Symbol, table: paddle.Tensor, sparse: bool) -> Symbol:
    """Writes rows of a table."""
    code, name = rows.code, rows.code.constant(table)

    def back(out: Symbol) -> None:
        gradient = code.constant(SparseGradient(table) if sparse else _dense_gradient)
        code.add_gradient(table, f"{gradient}({rows.name}, {name}, {out.gradient})")

    found = f"{code.constant(_rows_of)}({rows.name}, {name})"
    return apply(code, found, rows.rank and rows.rank + 1, back)


def _rows_of(rows: paddle.Tensor, table: paddle.Tensor) -> paddle.Tensor:
    """Returns rows of a table; on the CPU the kernel of gather takes a third of embedding's."""
    found = _C_ops.gather(table, _C_ops.reshape(rows, [-1]), 0)
    return _C_ops.reshape(found, [*rows.shape, table.shape[1]])


def _dense_gradient(rows: paddle.Tensor, table: paddle.Tensor, gradient: paddle.Tensor):
    return _C_ops.embedding_grad(rows, table, gradient, -1, False)


class SparseGradient:
    """The gradient of a table, as the sum of each row that was looked up, by ascending number.

    Paddle's gradient names a row once for each look-up. Its optimizers then sum the repeated rows
    with a sorted tree and a hash table, which takes longer than all else in the step. On the CPU
    the rows are therefore summed here. The cost does not depend on the size of the table.

    Args:
        table: ``[rows, size]``.
    """

    def __init__(self, table: paddle.Tensor):
        # By row: a place in the list of look-ups, then in that of distinct rows. Nothing clears
        # it: only what the same batch has written is read.
        self._places = np.empty(table.shape[0], np.int32)

    def __call__(self, rows: paddle.Tensor, table: paddle.Tensor, gradient: paddle.Tensor):
        """Returns the gradient, as Paddle's selected rows.

        Args:
            rows: the rows that were looked up, of any shape.
            table: the table.
            gradient: of what was looked up, ``[*rows.shape, size]``.
        """
        if not rows.place.is_cpu_place():
            return _C_ops.embedding_grad(rows, table, gradient, -1, True)
        size = table.shape[1]
        numbers, places = self.distinct(np.from_dlpack(rows).reshape(-1))
        shape = _C_ops.empty([len(numbers), size], table.dtype, table.place)
        gradient = _C_ops.reshape(gradient, [-1, size])
        sums = _C_ops.embedding_grad(from_dlpack(places.__dlpack__()), shape, gradient, -1, False)
        return _C_ops.embedding_grad(from_dlpack(numbers.__dlpack__()), table, sums, -1, True)

    def distinct(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the distinct rows, ascending, and the place of each of ``rows`` among them."""
        order = np.arange(rows.size, dtype=np.int32)
        self._places[rows] = order
        numbers = rows[self._places[rows] == order]  # the last look-up of each row
        numbers.sort()
        self._places[numbers] = order[: numbers.size]
        return numbers, self._places[rows]
