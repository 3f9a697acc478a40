"""Creates the layers of ``hyper_parameters.dense_embedding`` and ``dense_batch_norm``."""

from __future__ import annotations

from typing import Any

from models.common import options
from models.common.checks import flag, whole
from models.common.hyper_parameters import SECTION, is_set, value
from models.common.inputs.dense_embeddings.autodis import AutoDis
from models.common.inputs.dense_embeddings.batch_norm import BatchNorm
from models.common.inputs.dense_embeddings.periodic import Periodic
from models.common.inputs.dense_embeddings.piecewise_linear import PiecewiseLinear
from models.common.layers.dense import Part

KEY, NORM = "dense_embedding", "dense_batch_norm"


def _none(dense_num: int) -> None:
    """Leaves the numbers as they are."""


KINDS = {
    "none": _none,
    "periodic": Periodic,
    "piecewise_linear": PiecewiseLinear,
    "autodis": AutoDis,
}


def width(config) -> int:
    """Returns the number of features that a dense number becomes."""
    return whole(f"{KEY}.size", _options(config).get("size", 1))


def bins(config) -> int:
    """Returns the bins of a dense number that the embedding reads; 0 for none."""
    return whole(f"{KEY}.bins", _options(config).get("bins", 0), minimum=0)


def meaning(config) -> dict[str, Any]:
    """Returns what a checkpoint records of ``hyper_parameters.dense_embedding``."""
    return options.meaning(KEY, value(config, KEY) or "none", KINDS, without=())


def create(config, dense_num: int, feature_num: int) -> list[Part]:
    """Returns the layers that scaled dense numbers go through, in order.

    Args:
        config: the flat configuration.
        dense_num: the number of dense columns.
        feature_num: the number of features among which they are the leading ones.

    Raises:
        ValueError: there is no such type, an option is out of range, or two keys exclude each
            other.
    """
    kind, normed = meaning(config)["type"], flag(NORM, value(config, NORM))
    wanted = [name for name, on in ((KEY, kind != "none"), (NORM, normed)) if on]
    for name in wanted:
        if not dense_num:
            raise ValueError(f"{SECTION}.{name}: there are no dense features (dense_input_dim = 0)")
        if dense_num > feature_num:
            raise ValueError(
                f"{SECTION}.dense_input_dim: {dense_num} is more than feature_size, {feature_num}"
            )
        if is_set(config, "dense_bins"):
            hint = "for bins with an embedding write dense_embedding: {type: piecewise_linear}"
            raise ValueError(f"{SECTION}.dense_bins: it excludes {name}; remove one ({hint})")
    if normed and bins(config):
        raise ValueError(
            f"{SECTION}.{NORM}: it has no effect on the bins of piecewise_linear, which do not "
            "depend on the scale: remove it"
        )
    embedding = options.create(KEY, value(config, KEY) or "none", KINDS, dense_num)
    return ([BatchNorm(dense_num)] if normed else []) + ([embedding] if embedding else [])


def _options(config) -> dict[str, Any]:
    return options.complete(KEY, value(config, KEY) or "none", KINDS)
