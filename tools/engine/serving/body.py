"""Reading a request's body, and no more of it than is allowed."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_READ_SECONDS = 60  # a body that takes longer is given up
_LINGER_SECONDS = 5


async def read(request: Request, limit: int) -> bytes:
    """Returns the body.

    Args:
        request: the request.
        limit: the most bytes that it may have, declared or not.

    Raises:
        HTTPException: 413 as soon as the body is known to be larger, 408 if it does not come.
        ClientDisconnect: the client has gone.
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
    """The answer to a request whose body was not read to its end; then the connection closes.

    Closed at once, the connection would be reset while the client still sends, and many clients
    would not see the answer. So what comes is thrown away until the client has read it and
    leaves, for some seconds at most.
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
