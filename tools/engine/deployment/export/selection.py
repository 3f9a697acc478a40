"""Selects the inputs and outputs of an export by the names in the configuration."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from engine.config.config import Config
from engine.system.errors import nearest

logger = logging.getLogger(__name__)

FEEDS, FETCHES = "save_inference_feed_varnames", "save_inference_fetch_varnames"
_GENERATED = re.compile(r"\w+_\d+\.tmp_\d+$")  # a name that Paddle 2 generated: clip_0.tmp_0


def select(
    config: Config, key: str, variables: Mapping[str, Any], default: Sequence[str]
) -> dict[str, Any]:
    """Returns the variables that a ``runner`` key names, by their names in the export.

    Args:
        config: the configuration.
        key: `FEEDS` or `FETCHES`.
        variables: all variables by name.
        default: the names if the key is not set. A name that Paddle 2 generated stands for the
            default at its position.

    Raises:
        UserError: a name occurs twice, or there is no such variable.
    """
    names = config.runner(key) or default
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise config.error(f"runner.{key}", f"{repeated} is listed twice")
    selected = {}
    for position, name in enumerate(names):
        generated = name not in variables and _GENERATED.match(name)
        if generated and position < len(default):
            text = "runner.%s: %s is a name that Paddle 2 generated; using %s by position"
            logger.warning(text, key, name, default[position])
            name = default[position]
        if name not in variables:
            known = list(variables)
            raise config.error(
                f"runner.{key}", f"no {name} among {', '.join(known)}{nearest(name, known)}"
            )
        selected[name] = variables[name]
    return selected
