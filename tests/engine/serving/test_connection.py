"""Each part of an incomplete request is acknowledged at once."""

import socket
from types import SimpleNamespace

import pytest

pytest.importorskip("uvicorn")

from engine.serving.connection import PromptProtocol


class Transport:
    def __init__(self, closing):
        self.closing, self.options = closing, []

    def is_closing(self):
        return self.closing

    def get_extra_info(self, name):
        assert name == "socket"
        return SimpleNamespace(setsockopt=lambda *option: self.options.append(option))


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="this system has no TCP_QUICKACK")
@pytest.mark.parametrize(
    ("cycle", "closing", "times"),
    [
        (None, False, 0),
        (SimpleNamespace(more_body=False), False, 0),
        (SimpleNamespace(more_body=True), False, 1),
        (SimpleNamespace(more_body=True), True, 0),
    ],
)
def test_only_incomplete_requests_are_acknowledged_at_once(monkeypatch, cycle, closing, times):
    taken = []
    (base,) = PromptProtocol.__bases__
    monkeypatch.setattr(base, "data_received", lambda self, data: taken.append(data))
    protocol = PromptProtocol.__new__(PromptProtocol)
    protocol.cycle, protocol.transport = cycle, Transport(closing)
    protocol.data_received(b"data")
    assert taken == [b"data"]
    assert protocol.transport.options == [(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)] * times
