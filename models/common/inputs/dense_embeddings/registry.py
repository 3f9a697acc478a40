"""Creates the layers of ``hyper_parameters.dense_embedding`` and ``dense_batch_norm``."""

from __future__ import annotations

from collections.abc import Mapping

from datasets.readers import checks
from models.common.hyper_parameters import SECTION, value
from models.common.layers.dense import Part

KEY = f"{SECTION}.dense_embedding"
_CLASSES: dict[str, type[Part]] = {}


def width(config) -> int:
    """Returns the number of features that a dense number becomes."""
    section = value(config, "dense_embedding")
    return section.get("size", 1) if isinstance(section, Mapping) else 1


def create(config, dense_num: int) -> list[Part]:
    """Returns the layers that scaled dense numbers go through, in order.

    Args:
        config: the flat configuration.
        dense_num: the number of dense columns.

    Raises:
        ValueError: there is no such type, or an option is out of range.
    """
    section = value(config, "dense_embedding")
    if not section:
        return []
    settings = dict(section) if isinstance(section, Mapping) else {"type": section}
    checks.choice(f"{KEY}.type", settings.get("type"), ("none", *_CLASSES))
    return []
