"""Parts of a fast step whose gradients autograd finds in each step."""

from __future__ import annotations

from collections.abc import Callable

import paddle


def recorded(function: Callable, *values: paddle.Tensor) -> tuple:
    """Returns ``function(*values)`` as autograd records it, and the values as its leaves."""
    leaves = [value.detach() for value in values]
    for leaf in leaves:
        leaf.stop_gradient = not paddle.is_floating_point(leaf)
    with paddle.enable_grad():
        return function(*leaves), leaves


def gradients(out: paddle.Tensor, leaves: list, gradient: paddle.Tensor | None) -> list:
    """Returns the gradients of leaves; parameters that the function uses get theirs as well."""
    with paddle.enable_grad():
        out.backward(gradient)
    return [paddle.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]
