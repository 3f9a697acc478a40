"""Paddle's Fleet as a module: whether it is there, imported and called without its noise."""

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
    """Makes sure that this Paddle has parameter servers.

    Raises:
        UserError: it has not; the message names one that has.
    """
    works = "pip install paddlepaddle==2.6.2 (requirements-legacy.txt)"
    if not hasattr(paddle.base.core, "CommContext"):
        raise UserError(f"Paddle {paddle.__version__} has no parameter servers: {works}")
    protobuf = importlib.metadata.version("protobuf")
    if int(protobuf.split(".")[0]) >= 7:
        raise UserError(f"Fleet needs protobuf below 7, found {protobuf}: pip install 'protobuf<7'")


def imported() -> Any:
    """Imports Fleet where the log that it opens at once, ``http.log``, is in nobody's way."""
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            import paddle.distributed.fleet.utils.http_server as http_server
            from paddle.distributed import fleet
        finally:
            os.chdir(here)
    for handler in http_server._http_server_logger.handlers[:]:
        http_server._http_server_logger.removeHandler(handler)
        handler.close()
    return fleet


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps what Fleet prints, page after page, from standard output and standard error."""
    nowhere = io.StringIO()
    output, errors = contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere)
    with output, errors, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def others_there() -> Iterator[None]:
    """Says what it means when a barrier or a server's answer fails."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise UserError(f"another process of the job is gone, or failed: {reason}") from error
