"""The arguments of a net's constructor: its own hyper-parameters, and what follows from others."""

from __future__ import annotations

import inspect
from typing import Any

from models.common import hyper_parameters

# What follows from the tasks, the groups of features and the domain.
OUTPUT_SIZES, GROUP_SIZES, DOMAIN_NUM = "output_sizes", "group_sizes", "domain_num"
_FOLLOWING = (OUTPUT_SIZES, GROUP_SIZES, DOMAIN_NUM)


def accepts(net_class: type, name: str) -> bool:
    """Returns whether a net's constructor has an argument."""
    return name in inspect.signature(net_class.__init__).parameters


def of(net_class: type) -> dict[str, Any]:
    """Returns a net's hyper-parameters with their defaults: its constructor's arguments."""
    parameters = inspect.signature(net_class.__init__).parameters
    shared = hyper_parameters.DEFAULTS
    return {
        name: shared.get(name) if each.default is each.empty else each.default
        for name, each in parameters.items()
        if name not in ("self", *_FOLLOWING)
    }


def required(net_class: type) -> list[str]:
    """Returns the hyper-parameters of a net that have no default."""
    shared = hyper_parameters.DEFAULTS
    arguments = inspect.signature(net_class.__init__).parameters.items()
    return [
        name
        for name, each in arguments
        if name not in ("self", *_FOLLOWING, *shared) and each.default is each.empty
    ]
