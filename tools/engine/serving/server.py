"""The process around the application: its socket, its signals, its log."""

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
_KEEP_ALIVE_SECONDS = 75  # longer than most clients keep a connection that they may yet use
_GRACE_SECONDS = 30  # for requests that are being answered when the server is told to stop


def bind(host: str, port: int) -> socket.socket:
    """Returns a socket of that address that does not listen yet; port 0 is any that is free.

    Raises:
        UserError: there is no such host, or the port cannot be had.
    """
    listener = None
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that no host can have
        if listener:
            listener.close()
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot listen on --host {host} --port {port}: {reason}") from error
    return listener


def address(listener: socket.socket, host: str) -> str:
    """Returns the URL under which this machine reaches a socket that listens on a host."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    named = f"[{reachable}]" if ":" in reachable else reachable
    return f"http://{named}:{listener.getsockname()[1]}"


class _Server(uvicorn.Server):
    """Uvicorn, which says when it is ready, and whose end by a signal is no error."""

    def __init__(self, config: uvicorn.Config, greeting: list[str]):
        super().__init__(config)
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to answer."""
        await super().startup(sockets)
        # What is here now stays: no collection needs to visit it while a request waits.
        gc.collect()
        gc.freeze()
        for line in self._greeting:
            logger.info("%s", line)

    def stop(self, number: int, frame: object) -> None:
        """Is told to stop."""
        self.should_exit = True


def serve(app: FastAPI, listener: socket.socket, greeting: list[str]) -> None:
    """Answers requests until SIGINT or SIGTERM, and then those that are being answered.

    Args:
        app: the application.
        listener: the socket from `bind`.
        greeting: lines for the log once requests are answered.

    Raises:
        UserError: another server has come to listen there.
    """
    try:
        listener.listen(_BACKLOG)
    except OSError as error:
        place = listener.getsockname()[:2]
        raise UserError(
            f"cannot listen on {place[0]}, port {place[1]}: {error.strerror}"
        ) from error
    # Its tale of starting and stopping is told here in fewer lines.
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
    # Uvicorn has handlers of its own while it runs, and raises the signal once more when it has
    # stopped: it comes here.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, server.stop)
    server.run(sockets=[listener])
    logger.info("stopped")
