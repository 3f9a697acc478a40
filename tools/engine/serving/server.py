"""Runs the application with Uvicorn: socket, signals and log."""

from __future__ import annotations

import gc
import logging
import signal
import socket

import uvicorn
from fastapi import FastAPI

from engine.serving.connection import PromptProtocol
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 75  # longer than most clients keep an idle connection
_GRACE_SECONDS = 30  # for the requests that have begun when the server has to stop


def bind(host: str, port: int) -> socket.socket:
    """Returns a bound socket that does not listen yet.

    Args:
        host: a name or an address.
        port: a port; 0 selects a free one.

    Raises:
        UserError: there is no such host, or the port cannot be bound.
    """
    listener = None
    try:
        family, kind, protocol, _, endpoint = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(endpoint)
    except (OSError, UnicodeError) as error:  # UnicodeError: not a valid host name
        if listener:
            listener.close()
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot listen on --host {host} --port {port}: {reason}") from error
    return listener


def address(listener: socket.socket, host: str) -> str:
    """Returns the URL at which this machine reaches a socket that listens on a host."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    host = f"[{reachable}]" if ":" in reachable else reachable
    return f"http://{host}:{listener.getsockname()[1]}"


class _Server(uvicorn.Server):
    """Uvicorn's server, which logs when it is ready and ends normally on a signal."""

    def __init__(self, config: uvicorn.Config, greeting: list[str]):
        super().__init__(config)
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to answer requests."""
        await super().startup(sockets)
        # These objects live as long as the server, so collections need not visit them again.
        gc.collect()
        gc.freeze()
        for line in self._greeting:
            logger.info("%s", line)

    def stop(self, number: int, frame: object) -> None:
        """Handles a signal: stops the server."""
        self.should_exit = True


def serve(app: FastAPI, listener: socket.socket, greeting: list[str]) -> None:
    """Answers requests until SIGINT or SIGTERM, and then finishes those that have begun.

    Args:
        app: the application.
        listener: the socket from `bind`.
        greeting: lines for the log when the server is ready.

    Raises:
        UserError: another process listens on the address.
    """
    try:
        listener.listen(_BACKLOG)
    except OSError as error:
        host, port = listener.getsockname()[:2]
        raise UserError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    # Uvicorn's own lines about starting and stopping are replaced by fewer.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app,
        http=PromptProtocol,
        log_config=None,
        access_log=False,
        lifespan="on",
        ws="none",
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config, greeting)
    # Uvicorn replaces these handlers while it runs. When it has stopped, it raises the signal
    # again, which calls these.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, server.stop)
    server.run(sockets=[listener])
    logger.info("stopped")
