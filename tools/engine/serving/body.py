"""Reads the body of a request up to a limit."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_READ_SECONDS = 60  # the longest time that a body may take
_LINGER_SECONDS = 5


async def read(request: Request, limit: int) -> bytes:
    """Returns the body.

    Args:
        request: the request.
        limit: the most bytes, whether the request declares its length or not.

    Raises:
        HTTPException: 413 as soon as the body is known to be larger, 408 if it takes too long.
        ClientDisconnect: the client has disconnected.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    try:
        return await asyncio.wait_for(_read(request, limit), _READ_SECONDS)
    except asyncio.TimeoutError:
        raise HTTPException(408, f"the body did not arrive in {_READ_SECONDS} s") from None


async def _read(request: Request, limit: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    return b"".join(parts)


def _too_large(limit: int) -> HTTPException:
    return HTTPException(413, f"the body is larger than {limit} bytes (--max_body_mb)")


class LastResponse(Response):
    """The answer to a request whose body is incomplete; the connection is closed after it.

    If it were closed at once, the client would get a reset while it still sends, and many clients
    would not read the answer. So the rest of the body is received and discarded until the client
    closes the connection, for at most a few seconds.
    """

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.headers["connection"] = "close"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the response."""
        headers = self.raw_headers
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(_discard(receive), _LINGER_SECONDS)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _discard(receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return
