"""Imports Paddle's Fleet and hides its output."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import os
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import paddle

from engine.system.errors import UserError


def check_installed() -> None:
    """Checks that this version of Paddle has parameter servers.

    Raises:
        UserError: it has none, or needs another version of protobuf.
    """
    advice = "pip install paddlepaddle==2.6.2 (requirements-legacy.txt)"
    if not hasattr(paddle.base.core, "CommContext"):
        raise UserError(f"Paddle {paddle.__version__} has no parameter servers: {advice}")
    protobuf = importlib.metadata.version("protobuf")
    if int(protobuf.split(".")[0]) >= 7:
        raise UserError(f"Fleet needs protobuf below 7, found {protobuf}: pip install 'protobuf<7'")


def import_fleet() -> Any:
    """Imports Fleet; its log file ``http.log`` is written to a temporary folder."""
    current = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            import paddle.distributed.fleet.utils.http_server as http_server
            from paddle.distributed import fleet
        finally:
            os.chdir(current)
    for handler in http_server._http_server_logger.handlers[:]:
        http_server._http_server_logger.removeHandler(handler)
        handler.close()
    return fleet


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Discards Fleet's messages on standard output and standard error."""
    sink = io.StringIO()
    output, errors = contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink)
    with output, errors, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def peer_errors() -> Iterator[None]:
    """Turns Paddle's errors about a lost process into a UserError."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise UserError(f"another process of the job has ended or failed: {reason}") from error
