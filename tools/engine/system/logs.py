"""The log on standard error."""

from __future__ import annotations

import logging


def start_logging() -> None:
    """Logs to standard error in the form that PaddleRec's users parse."""
    logging.basicConfig(
        format="%(asctime)s - %(levelname)s - %(message)s", level=logging.INFO, force=True
    )
