"""Lists a configuration in the log."""

from __future__ import annotations

import logging

from engine.config.config import Config
from engine.config.load import SEARCH
from engine.config.runner_keys import RUNNER

logger = logging.getLogger(__name__)


def log_config(config: Config) -> None:
    """Logs every key of a configuration, and the defaults of the ``runner.*`` keys it omits."""
    shown = {f"runner.{name}": key.default for name, key in RUNNER.items()}
    shown = {key: value for key, value in shown.items() if isinstance(value, (bool, int, str))}
    shown.update((key, value) for key, value in config.items() if not key.startswith(SEARCH))
    width = max(map(len, shown))
    lines = [f"{key:<{width}}  {value}" for key, value in sorted(shown.items())]
    logger.info("configuration\n%s", "\n".join(lines))
