"""A body is read up to the limit, with and without a declared length."""

import pytest

pytest.importorskip("fastapi")

from starlette.requests import ClientDisconnect, Request

from engine.serving import body

URL = "/v2/models/toy/infer"
LIMIT = 10_485  # bytes: 0.01 MB
ERROR = {"error": f"the body is larger than {LIMIT} bytes (--max_body_mb)"}


@pytest.fixture
def app(make_app):
    return make_app(max_body_mb=0.01)


class Pieces:
    """A body of unknown length that counts the bytes that were read."""

    def __init__(self, size, count):
        self.size, self.count, self.taken = size, count, 0

    async def __aiter__(self):
        for _ in range(self.count):
            self.taken += self.size
            yield b" " * self.size


def test_the_limit_is_exact(client_of):
    client = client_of(max_body_mb=0.01)
    for size, status in ((LIMIT, 400), (LIMIT + 1, 413)):
        response = client.post(URL, content=b" " * size)
        assert response.status_code == status
        response = client.post(URL, content=Pieces(1, size))
        assert response.status_code == status
    assert response.json() == ERROR
    assert response.headers["connection"] == "close"


def test_a_declared_length_above_the_limit_is_refused(client_of):
    client = client_of(max_body_mb=0.01)
    body = Pieces(1000, 1)
    response = client.post(URL, content=body, headers={"Content-Length": "1000000000000"})
    assert response.status_code == 413
    assert response.json() == ERROR


async def answer(app, receive):
    """Returns what an application sends for a POST whose body comes from ``receive``."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": URL,
        "raw_path": URL.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("toy", 80),
        "client": ("toy", 1),
    }
    await app(scope, receive, send)
    return sent


def test_an_endless_body_is_answered_while_it_comes(app, open_app, asynchronously, monkeypatch):
    monkeypatch.setattr(body, "_LINGER_SECONDS", 0.01)
    taken = 0

    async def receive():
        nonlocal taken
        taken += 1000
        if taken > 20_000:
            await asynchronously.never()
        return {"type": "http.request", "body": b" " * 1000, "more_body": True}

    async def run():
        async with open_app(app):
            return await answer(app, receive)

    sent = asynchronously(run())
    assert [message["type"] for message in sent] == [
        "http.response.start",
        *["http.response.body"] * 2,
    ]
    assert sent[0]["status"] == 413
    assert sent[1]["body"]


def test_a_body_that_takes_too_long(app, open_app, asynchronously, monkeypatch):
    monkeypatch.setattr(body, "_READ_SECONDS", 0.01)
    monkeypatch.setattr(body, "_LINGER_SECONDS", 0.01)

    async def run():
        async with open_app(app):
            return await answer(app, asynchronously.never)

    sent = asynchronously(run())
    assert sent[0]["status"] == 408
    assert sent[1]["body"] == b'{"error":"the body did not arrive in 0.01 s"}'


def test_a_client_that_disconnects_while_it_sends(app, open_app, asynchronously):
    messages = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive():
        return messages.pop(0)

    async def run():
        async with open_app(app) as client:
            await answer(app, receive)
            return (await client.get("/metrics")).text

    assert 'paddlemtl_requests_total{code="499",endpoint="infer"} 1.0' in asynchronously(run())


def test_a_disconnect_is_an_error_of_read(asynchronously):
    async def receive():
        return {"type": "http.disconnect"}

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with pytest.raises(ClientDisconnect):
        asynchronously(body.read(request, 10))
