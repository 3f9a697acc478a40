"""The metrics of a server, in Prometheus's text format.

Labels have a fixed set of values; paths and names that clients send never become labels.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client import generate_latest as _generate
from prometheus_client.process_collector import ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.serving.protocol import ServedModel

_SECONDS = (5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 7.5e-3, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_INFERENCE_SECONDS = (1e-4, 2.5e-4, *_SECONDS)
_ROWS = tuple(2**power for power in range(15))


class Metrics:
    """The metrics of one server, in a registry of its own.

    Args:
        model: the model that the server serves.
    """

    def __init__(self, model: ServedModel):
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Info("paddlemtl_model", "The served model.", registry=registry).info(
            {"model": model.name, "version": model.version, "engine": model.engine}
        )
        self._requests = Counter(
            "paddlemtl_requests",
            "Answered requests by endpoint and HTTP status (499: the client disconnected).",
            ["endpoint", "code"],
            registry=registry,
        )
        self._latency = Histogram(
            "paddlemtl_request_seconds",
            "Seconds from the headers of an inference request to its answer, for status 200.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._rows = Counter("paddlemtl_rows", "Rows that the model ran on.", registry=registry)
        self._batch_rows = Histogram(
            "paddlemtl_batch_rows",
            "Rows in each run of the model.",
            buckets=_ROWS,
            registry=registry,
        )
        self._inference = Histogram(
            "paddlemtl_inference_seconds",
            "Seconds of each run of the model.",
            buckets=_INFERENCE_SECONDS,
            registry=registry,
        )
        self._queue = Gauge(
            "paddlemtl_queue_length", "Requests that are waiting for the model.", registry=registry
        )

    def watch_queue(self, length: Callable[[], int]) -> None:
        """Reports the length of a queue, which is read with every collection."""
        self._queue.set_function(length)

    def count_run(self, rows: int, seconds: float) -> None:
        """Counts one run of the model."""
        self._rows.inc(rows)
        self._batch_rows.observe(rows)
        self._inference.observe(seconds)

    def count_request(self, endpoint: str, code: int, seconds: float) -> None:
        """Counts one answered request."""
        self._requests.labels(endpoint, str(code)).inc()
        if endpoint == "infer" and code == 200:
            self._latency.observe(seconds)

    def text(self) -> bytes:
        """Returns all metrics in Prometheus's text format."""
        return _generate(self.registry)


class MetricsMiddleware:
    """ASGI middleware that counts requests; the endpoint is ``none`` if no route matches."""

    def __init__(self, app: ASGIApp, metrics: Metrics):
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forwards a request to the application and counts it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        code = 500

        async def record_and_send(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, record_and_send)
        finally:
            endpoint = getattr(scope.get("endpoint"), "__name__", "none")
            self._metrics.count_request(endpoint, code, time.perf_counter() - began)
