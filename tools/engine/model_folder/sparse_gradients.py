"""Makes Paddle's optimizers compute correctly with sparse gradients (seen on 2.6.2 and 3.3.1).

A table made with ``sparse=True`` has a gradient that lists only the rows of a batch. On a CPU,
Paddle's kernels go wrong with some of these lists, without an error:

- Adam without ``lazy_mode`` walks over all rows of the table and compares each with the next listed
  row. Behind the last listed row it reads memory that is not its own. If a row number happens to
  stand there, that row gets a random gradient, at times NaN. So one more row is listed: the number
  behind the table's last row, which the walk never reaches. No bit of the result changes else.
- Momentum and RMSProp search the list as if it were sorted and had each row once. So it is sorted
  and repeated rows are added up.
- Others take no sparse gradients: they are refused here. Paddle ends the process or skips tables.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle.base.core import VarDesc
from paddle.nn.clip import ClipGradByValue, merge_selected_rows
from paddle.optimizer import Optimizer
from paddle.utils import unique_name

from engine.system.errors import UserError

_SORTED = ("Momentum", "RMSProp")
_REFUSED = ("Adadelta", "Adamax", "AdamW", "NAdam", "RAdam", "ASGD")
_on_servers = False
_ROWS = VarDesc.VarType.SELECTED_ROWS


def install() -> None:
    """Adds the corrections to all optimizers; call it before a model is imported."""
    apply = Optimizer._apply_optimize  # all ways to take a step lead here, in both graphs
    if hasattr(apply, "corrects_rows"):
        return

    @functools.wraps(apply)
    def corrected(
        self: Any, loss: Any, startup_program: Any, params_grads: Any, **options: Any
    ) -> Any:
        is_group = isinstance(params_grads, dict)
        pairs = params_grads["params"] if is_group else params_grads
        if not _on_servers and any(map(_is_sparse, pairs)):
            pairs = _correct(self, pairs)
            params_grads = {**params_grads, "params": pairs} if is_group else pairs
        return apply(self, loss, startup_program, params_grads, **options)

    corrected.corrects_rows = True
    Optimizer._apply_optimize = corrected


@contextmanager
def step_errors(optimizer: Any) -> Iterator[None]:
    """Turns Paddle's error about weight decay of sparse gradients into a UserError."""
    try:
        yield
    except RuntimeError as error:
        if "sparse" not in str(error):
            raise
        raise UserError(f"{type(optimizer).__name__}: {error}") from error


@contextmanager
def left_to_servers() -> Iterator[None]:
    """Adds no corrections inside a block: parameter servers update their tables themselves."""
    global _on_servers
    _on_servers = True
    try:
        yield
    finally:
        _on_servers = False


def _is_sparse(pair: tuple) -> bool:
    gradient = pair[1]
    if isinstance(gradient, paddle.Tensor):
        return gradient.is_selected_rows()
    return getattr(gradient, "type", None) == _ROWS  # under PIR all gradients are dense


def _correct(optimizer: Any, pairs: list) -> list:
    """Returns pairs of parameters and gradients that the optimizer's kernels take correctly.

    Raises:
        UserError: the optimizer takes no sparse gradients.
    """
    names = [each.__name__ for each in type(optimizer).__mro__]
    name = next((each for each in names if each in (*_SORTED, *_REFUSED, "Adam")), "")
    table = next(pair[0] for pair in pairs if _is_sparse(pair))
    problem = f"{name} takes no sparse gradients" if name in _REFUSED else None
    if getattr(optimizer, "_use_multi_tensor", False):
        problem = f"{name} with use_multi_tensor=True does not train tables with sparse gradients"
    if isinstance(getattr(optimizer, "_grad_clip", None), ClipGradByValue):
        problem = "ClipGradByValue takes no sparse gradients"
    if problem:
        raise UserError(
            f"{problem}, and those of the table {table.name} {list(table.shape)} are sparse: "
            "make it with sparse=False, or use Adam(lazy_mode=True), SGD or Adagrad"
        )
    if name not in _SORTED and (name != "Adam" or optimizer._lazy_mode):
        return pairs
    change = _in_order if name in _SORTED else _with_end
    return [(p, change(p, g)) if _is_sparse((p, g)) else (p, g) for p, g in pairs]


def _in_order(parameter: Any, gradient: Any) -> Any:
    """Returns a gradient with its rows in order and once each; in static graph a dense one."""
    if not isinstance(gradient, paddle.Tensor):
        zeros = paddle.zeros(parameter.shape, parameter.dtype)
        return paddle.add_n([gradient, zeros])
    if gradient.place.is_cpu_place():
        gradient = merge_selected_rows(gradient)
        listed = gradient.get_selected_rows()
        rows, values = listed.rows(), np.array(listed.get_tensor())
        order = np.argsort(rows)
        _list(listed, [rows[place] for place in order], values[order])
    return gradient


def _with_end(parameter: Any, gradient: Any) -> Any:
    """Returns a gradient that lists a row behind the table's last one too."""
    end = parameter.shape[0]
    if not isinstance(gradient, paddle.Tensor):
        return _with_zero_row(parameter, gradient, end)
    listed = gradient.get_selected_rows()
    rows = listed.rows()
    if rows and max(rows) < end and gradient.place.is_cpu_place():
        values = np.array(listed.get_tensor())
        _list(listed, [*rows, end], np.concatenate([values, np.zeros_like(values[:1])]))
    return gradient


def _list(listed: Any, rows: list[int], values: np.ndarray) -> None:
    """Replaces the rows of a sparse gradient."""
    listed.get_tensor().set(values, paddle.CPUPlace())
    listed.set_rows(rows)


def _with_zero_row(parameter: Any, gradient: Any, row: int) -> Any:
    """Adds operators to the program that append a row to a gradient: a look-up's gradient of 0."""
    block = gradient.block
    first, number = paddle.zeros([1], "int64"), paddle.full([1], row, "int64")
    looked_up = F.embedding(first, parameter, sparse=True)
    (zero,) = paddle.static.gradients(looked_up, parameter, paddle.zeros_like(looked_up))
    backward = next(op for op in reversed(block.ops) if op.type == "lookup_table_v2_grad")
    backward._rename_input(first.name, number.name)  # a look-up itself refuses this row
    total = block.create_var(
        name=unique_name.generate(gradient.name),
        type=_ROWS,
        dtype=gradient.dtype,
        shape=gradient.shape,
    )
    block.append_op(type="sum", inputs={"X": [gradient, zero]}, outputs={"Out": [total]})
    return total
