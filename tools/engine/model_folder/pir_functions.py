"""Functions of ``paddle.static`` that fail under PIR (seen on 3.3.1), by what does not.

They keep Paddle 2's arguments, results and names of parameters. Where Paddle 2's format is in
use, Paddle's own are called.
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
    """Puts them in the place of Paddle's; call it before a model is imported."""
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
            setattr(module, function.__name__, _chosen(original, function))


@contextmanager
def fresh_names() -> Iterator[None]:
    """Numbers parameters from zero while a program is built, so that two alike have equal names.

    Under PIR some names are numbered by the default program of Paddle 2's format, whatever
    program is being built, and ``unique_name.guard`` does not reach that.
    """
    with unique_name.guard():
        if not paddle.framework.in_pir_mode():
            yield
            return
        with framework.program_guard(framework.Program()):
            yield


def _chosen(original: Callable, under_pir: Callable) -> Callable:
    @functools.wraps(original)
    def call(*arguments: Any, **options: Any) -> Any:
        chosen = under_pir if paddle.framework.in_pir_mode() else original
        return chosen(*arguments, **options)

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
    """Returns the rows of a table ``size`` that ids ``[...]`` name, ``[..., size[1]]``."""
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
    """Returns the same of a table that a parameter server would hold."""
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
    """Returns ``input`` normalised over its axes from ``begin_norm_axis`` on."""
    shape = list(input.shape[begin_norm_axis:])
    layer = nn.LayerNorm(
        shape,
        epsilon=epsilon,
        weight_attr=param_attr if scale else False,
        bias_attr=bias_attr if shift else False,
    )
    return _activated(layer(input), act)


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
    """Returns ``input`` normalised channel by channel, over the rows of a batch."""
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
    return _activated(layer(input), act)


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
    """Returns images ``[batch, channels, height, width]`` convolved with learned filters."""
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
    return _activated(layer(input), act)


def create_global_var(
    shape: Any,
    value: float,
    dtype: str,
    persistable: bool = False,
    force_cpu: bool = False,
    name: str | None = None,
) -> Any:
    """Returns a variable that starts as ``value`` and keeps what is assigned to it."""
    return paddle.pir.core.create_persistable_value(
        dtype, list(shape), name, initializer=nn.initializer.Constant(value)
    )


def _activated(x: Any, act: str | None) -> Any:
    return getattr(nn.functional, act)(x) if act else x
