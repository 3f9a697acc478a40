"""A client's connection: Uvicorn's, but that it does not keep a client waiting to go on."""

from __future__ import annotations

import socket

from uvicorn.protocols.http.auto import AutoHTTPProtocol

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux has it


class PromptProtocol(AutoHTTPProtocol):
    """Uvicorn's HTTP, with parts of a request acknowledged at once.

    A client that writes headers and body one after the other, and has not set TCP_NODELAY, keeps
    the body until the headers are acknowledged. Linux leaves that for 40 ms, in the hope of an
    answer to send along, while the server waits for the body.
    """

    def data_received(self, data: bytes) -> None:
        """Takes what has come."""
        super().data_received(data)
        incomplete = self.cycle is not None and self.cycle.more_body
        if incomplete and _QUICKACK is not None and not self.transport.is_closing():
            # The system takes it back by itself, so it is said each time.
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
