"""Means, squares, normalisation and choices of `layers.ops`, as lines of a fast step."""

from __future__ import annotations

import paddle

from models.common.fast_step.symbols import Symbol, apply


def mean(x: Symbol, axis: int, keepdim: bool = False) -> Symbol:
    """Writes the mean over an axis."""
    axis, keepdim = int(axis), bool(keepdim)
    rank = x.rank if keepdim or x.rank is None else x.rank - 1

    def back(out: Symbol) -> None:
        options = f"[{axis}], {keepdim}, False"
        x.add_gradient(f"_C_ops.mean_grad({x.name}, {out.gradient}, {options})")

    return apply(x.code, f"_C_ops.mean({x.name}, [{axis}], {keepdim})", rank, back)


def square(x: Symbol) -> Symbol:
    """Writes ``x * x``."""

    def back(out: Symbol) -> None:
        x.add_gradient(f"_C_ops.square_grad({x.name}, {out.gradient})")

    return apply(x.code, f"_C_ops.square({x.name})", x.rank, back)


def layer_norm(
    x: Symbol, gain: paddle.Tensor, bias: paddle.Tensor, epsilon: float = 1e-5
) -> Symbol:
    """Writes ``x`` normalised over the last axis, times ``gain`` plus ``bias``."""
    code, g, b, epsilon = x.code, x.code.constant(gain), x.code.constant(bias), float(epsilon)
    axis = f"len({x.name}.shape) - 1" if x.rank is None else x.rank - 1

    def back(out: Symbol) -> None:
        # The kernel's statistics are not returned; these agree with them.
        (mean_,) = code.backward(f"_C_ops.mean({x.name}, [-1], True)")
        deviations = f"_C_ops.square(_C_ops.subtract({x.name}, {mean_}))"
        (variance,) = code.backward(f"_C_ops.mean({deviations}, [-1], False)")
        statistics = f"_C_ops.reshape({mean_}, [-1]), _C_ops.reshape({variance}, [-1])"
        operands = f"{x.name}, {g}, {b}, {statistics}, {out.gradient}"
        of_x, of_gain, of_bias = code.backward(
            f"_C_ops.layer_norm_grad({operands}, {epsilon}, {axis})", 3
        )
        x.add_gradient(of_x)
        code.add_gradient(gain, of_gain)
        code.add_gradient(bias, of_bias)

    return apply(code, f"_C_ops.layer_norm({x.name}, {g}, {b}, {epsilon}, {axis})", x.rank, back)


def gather(x: Symbol, places: paddle.Tensor, axis: int = 0) -> Symbol:
    """Writes the parts of ``x`` at integer places along an axis."""
    index, axis = x.code.constant(places), int(axis)

    def back(out: Symbol) -> None:
        x.add_gradient(f"_C_ops.gather_grad({x.name}, {index}, {out.gradient}, {axis})")

    return apply(x.code, f"_C_ops.gather({x.name}, {index}, {axis})", x.rank, back)
