"""Logs a configuration."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from engine.config import keys
from engine.config.config import Config
from engine.config.load import SEARCH
from engine.config.runner_keys import REQUIRED, RUNNER

logger = logging.getLogger(__name__)


def log_without_effect(config: Config) -> None:
    """Logs one line with the keys of PaddleRec that mean nothing here, if any is set."""
    found = keys.without_effect(config)
    if found:
        text = ", ".join(f"{key} ({reason})" for key, reason in found.items())
        logger.info("keys of PaddleRec without effect here: %s", text)


def log_config(config: Config, declared: Mapping[str, Any] | None = None) -> None:
    """Logs every key of a configuration, and the defaults of the keys that are not set.

    Args:
        config: the configuration.
        declared: the model's hyper-parameters with their defaults; None if it declares none.
    """
    defaults = {f"runner.{name}": key.default for name, key in RUNNER.items()}
    defaults.update({f"hyper_parameters.{name}": each for name, each in (declared or {}).items()})
    values = {key: value for key, value in defaults.items() if value not in (None, REQUIRED)}
    values.update((key, value) for key, value in config.items() if not key.startswith(SEARCH))
    width = max(map(len, values))
    lines = [f"{key:<{width}}  {value}" for key, value in sorted(values.items())]
    logger.info("configuration\n%s", "\n".join(lines))
