"""Creates the bottom of ``hyper_parameters.bottom``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datasets.readers import checks
from models.common.layers.dense import Part
from models.common.layout import Layout

KEY = "hyper_parameters.bottom"
_CLASSES: dict[str, type[Part]] = {}


def create(section: Any, layout: Layout) -> Part | None:
    """Returns the bottom, or None for none.

    Args:
        section: the value of the key: None, a type, or a mapping of ``type`` and options.
        layout: the features.

    Raises:
        ValueError: there is no such type, or an option is out of range.
    """
    if not section:
        return None
    settings = dict(section) if isinstance(section, Mapping) else {"type": section}
    checks.choice(f"{KEY}.type", settings.get("type"), ("none", *_CLASSES))
    return None
