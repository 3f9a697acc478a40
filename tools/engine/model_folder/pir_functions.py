"""Replaces functions of ``paddle.static`` that fail under PIR (seen on 3.3.1).

The replacements keep Paddle 2's arguments, results and parameter names. For programs in Paddle 2's
format, Paddle's own functions are called.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import paddle
from paddle import nn
from paddle.base import framework
from paddle.utils import unique_name


def install() -> None:
    """Replaces Paddle's functions; call it before a model is imported."""
    for module, function in (
        (paddle.static.nn, embedding),
        (paddle.static.nn, sparse_embedding),
        (paddle.static.nn, layer_norm),
        (paddle.static.nn, batch_norm),
        (paddle.static.nn, conv2d),
        (paddle.static, create_global_var),
    ):
        original = getattr(module, function.__name__)
        if not hasattr(original, "under_pir"):
            setattr(module, function.__name__, _dispatch(original, function))


@contextmanager
def fresh_names() -> Iterator[None]:
    """Numbers parameters from zero while a program is built: equal programs get equal names.

    Under PIR some names are numbered by the default program of Paddle 2's format, which
    ``unique_name.guard`` does not reset.
    """
    with unique_name.guard():
        if not paddle.framework.in_pir_mode():
            yield
            return
        with framework.program_guard(framework.Program()):
            yield


def _dispatch(original: Callable, under_pir: Callable) -> Callable:
    @functools.wraps(original)
    def call(*arguments: Any, **options: Any) -> Any:
        function = under_pir if paddle.framework.in_pir_mode() else original
        return function(*arguments, **options)

    call.under_pir = under_pir
    return call


def embedding(
    input: Any,
    size: Any,
    is_sparse: bool = False,
    is_distributed: bool = False,
    padding_idx: int | None = None,
    param_attr: Any = None,
    dtype: str = "float32",
) -> Any:
    """Looks up ids ``[...]`` in a table of shape ``size``; returns ``[..., size[1]]``."""
    rows, width = size
    return nn.Embedding(rows, width, padding_idx, weight_attr=param_attr)(input)


def sparse_embedding(
    input: Any,
    size: Any,
    padding_idx: int | None = None,
    is_test: bool = False,
    entry: Any = None,
    table_class: str = "MemorySparseTable",
    param_attr: Any = None,
    dtype: str = "float32",
    slot: Any = None,
) -> Any:
    """Looks up ids as `embedding` does, in a table meant for parameter servers."""
    return embedding(input, size, True, False, padding_idx, param_attr, dtype)


def layer_norm(
    input: Any,
    scale: bool = True,
    shift: bool = True,
    begin_norm_axis: int = 1,
    epsilon: float = 1e-05,
    param_attr: Any = None,
    bias_attr: Any = None,
    act: str | None = None,
    name: str | None = None,
) -> Any:
    """Normalises ``input`` over its axes from ``begin_norm_axis`` on."""
    shape = list(input.shape[begin_norm_axis:])
    layer = nn.LayerNorm(
        shape,
        epsilon=epsilon,
        weight_attr=param_attr if scale else False,
        bias_attr=bias_attr if shift else False,
    )
    return _activate(layer(input), act)


def batch_norm(
    input: Any,
    act: str | None = None,
    is_test: bool = False,
    momentum: float = 0.9,
    epsilon: float = 1e-05,
    param_attr: Any = None,
    bias_attr: Any = None,
    data_layout: str = "NCHW",
    in_place: bool = False,
    name: str | None = None,
    moving_mean_name: str | None = None,
    moving_variance_name: str | None = None,
    do_model_average_for_mean_and_var: bool = True,
    use_global_stats: bool = False,
) -> Any:
    """Normalises each channel of ``input`` over the rows of a batch."""
    channels = input.shape[1 if data_layout.startswith("NC") else -1]
    layer = nn.BatchNorm(
        channels,
        is_test=is_test,
        momentum=momentum,
        epsilon=epsilon,
        param_attr=param_attr,
        bias_attr=bias_attr,
        data_layout=data_layout,
        moving_mean_name=moving_mean_name,
        moving_variance_name=moving_variance_name,
        use_global_stats=use_global_stats,
    )
    if is_test:
        layer.eval()
    return _activate(layer(input), act)


def conv2d(
    input: Any,
    num_filters: int,
    filter_size: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int | None = None,
    param_attr: Any = None,
    bias_attr: Any = None,
    use_cudnn: bool = True,
    act: str | None = None,
    name: str | None = None,
    data_format: str = "NCHW",
) -> Any:
    """Convolves images ``[batch, channels, height, width]`` with learned filters."""
    layer = nn.Conv2D(
        input.shape[1 if data_format == "NCHW" else -1],
        num_filters,
        filter_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups or 1,
        weight_attr=param_attr,
        bias_attr=bias_attr,
        data_format=data_format,
    )
    return _activate(layer(input), act)


def create_global_var(
    shape: Any,
    value: float,
    dtype: str,
    persistable: bool = False,
    force_cpu: bool = False,
    name: str | None = None,
) -> Any:
    """Returns a variable that starts as ``value`` and keeps assigned values between runs."""
    return paddle.pir.core.create_persistable_value(
        dtype, list(shape), name, initializer=nn.initializer.Constant(value)
    )


def _activate(x: Any, act: str | None) -> Any:
    return getattr(nn.functional, act)(x) if act else x
