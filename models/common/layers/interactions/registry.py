"""The types of ``hyper_parameters.bottom``."""

from __future__ import annotations

from typing import Any

from models.common import options
from models.common.layers.dense import Part
from models.common.layers.interactions.dcn_v2 import DcnV2
from models.common.layers.interactions.fm import Fm
from models.common.layers.interactions.masknet import MaskNet
from models.common.layers.interactions.mlp import Mlp
from models.common.layers.interactions.senet import SeNet
from models.common.layout import Layout

KEY = "bottom"


def _none(layout: Layout) -> None:
    """Leaves the features as they are."""


KINDS = {
    "none": _none,
    "mlp": Mlp,
    "dcn_v2": DcnV2,
    "fm": Fm,
    "masknet": MaskNet,
    "senet": SeNet,
}


def create(section: Any, layout: Layout) -> Part | None:
    """Returns the bottom, or None for none.

    Args:
        section: the value of the key: None, a type, or a mapping of ``type`` and options.
        layout: the features that the bottom reads.

    Raises:
        ValueError: there is no such type, or an option or the features do not fit.
    """
    return options.create(KEY, section or "none", KINDS, layout)


def meaning(section: Any) -> dict[str, Any]:
    """Returns what a checkpoint records of ``hyper_parameters.bottom``: all but its dropout."""
    return options.meaning(KEY, section or "none", KINDS, without=("dropout",))
