"""Logs a configuration."""

from __future__ import annotations

import logging

from engine.config.config import Config
from engine.config.load import SEARCH
from engine.config.runner_keys import REQUIRED, RUNNER

logger = logging.getLogger(__name__)


def log_config(config: Config) -> None:
    """Logs every key of a configuration, and the defaults of ``runner.*`` keys that are not set."""
    defaults = {f"runner.{name}": key.default for name, key in RUNNER.items()}
    values = {key: value for key, value in defaults.items() if value not in (None, REQUIRED)}
    values.update((key, value) for key, value in config.items() if not key.startswith(SEARCH))
    width = max(map(len, values))
    lines = [f"{key:<{width}}  {value}" for key, value in sorted(values.items())]
    logger.info("configuration\n%s", "\n".join(lines))
