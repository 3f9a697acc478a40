"""Sets up the log."""

from __future__ import annotations

import logging


def start_logging() -> None:
    """Sends the log to standard error, in PaddleRec's format, which scripts may parse."""
    logging.basicConfig(
        format="%(asctime)s - %(levelname)s - %(message)s", level=logging.INFO, force=True
    )
