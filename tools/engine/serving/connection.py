"""Uvicorn's HTTP protocol with immediate TCP acknowledgements."""

from __future__ import annotations

import socket

from uvicorn.protocols.http.auto import AutoHTTPProtocol

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux only


class PromptProtocol(AutoHTTPProtocol):
    """Uvicorn's HTTP protocol, which acknowledges each part of an incomplete request at once.

    A client without TCP_NODELAY that writes headers and body separately sends the body only after
    the headers are acknowledged (Nagle's algorithm). Linux delays that acknowledgement by 40 ms.
    """

    def data_received(self, data: bytes) -> None:
        """Handles received bytes."""
        super().data_received(data)
        incomplete = self.cycle is not None and self.cycle.more_body
        if incomplete and _QUICKACK is not None and not self.transport.is_closing():
            # Linux resets the option by itself, so it is set after each part.
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
