"""The paths of the Open Inference Protocol, as a FastAPI application that serves one model."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import FastAPI, HTTPException, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect

from engine.serving import body
from engine.serving.batcher import Batcher, ModelError, Run
from engine.serving.metrics import Metrics, MetricsMiddleware
from engine.serving.protocol import RequestError, ServedModel
from engine.serving.request import parse
from engine.serving.response import encode
from engine.serving.warm_up import warm_up

logger = logging.getLogger(__name__)

_VERSION = "unreleased"  # the server's version, as in CHANGELOG.md
_READ_METHODS = ["GET", "HEAD"]
_MODEL_PATHS = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")
_CLOSE_SECONDS = 10  # how long the model's thread may take to end


@dataclass(frozen=True)
class Limits:
    """The limits of a server; each is an option of ``tools/serve.py``."""

    max_batch_size: int = 1024
    max_delay_ms: float = 0.0
    max_body_mb: float = 16.0
    max_rows: int = 65536
    max_pending: int = 256


class Service:
    """The handlers of all paths; the name of a method is its label in the metrics.

    Args:
        model: the model's name, inputs and outputs.
        run: runs the model on batch-first arrays; one thread calls it.
        limits: the limits of the server.
    """

    def __init__(self, model: ServedModel, run: Run, limits: Limits):
        self._model = model
        self._run = run
        self._limits = limits
        self._max_body = int(limits.max_body_mb * 2**20)
        self._pending = 0
        self._batcher: Batcher | None = None
        self.counters = Metrics(model)

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Starts the model's thread, and ends it when all requests are answered."""
        joinable = warm_up(self._model, self._run)
        if not joinable:
            logger.warning("the model cannot join rows of several requests; each runs alone")
        self._batcher = Batcher(
            self._run,
            self._limits.max_batch_size,
            self._limits.max_delay_ms / 1e3,
            joinable,
            self.counters.count_run,
        )
        self._batcher.start()
        self.counters.watch_queue(self._batcher.__len__)
        yield
        self._batcher.close(timeout=_CLOSE_SECONDS)

    async def server(self, request: Request) -> Response:
        """Returns the server's name, version and extensions."""
        return _json({"name": "paddlemtl", "version": _VERSION, "extensions": []})

    async def live(self, request: Request) -> Response:
        """Returns that the server is live."""
        return _json({"live": True})

    async def ready(self, request: Request) -> Response:
        """Returns whether the server answers inference requests."""
        return _json({"ready": self._ready}, 200 if self._ready else 503)

    async def model(self, request: Request) -> Response:
        """Returns the model's metadata."""
        self._check_model(request)
        return _json(self._model.metadata())

    async def model_ready(self, request: Request) -> Response:
        """Returns whether the model answers inference requests."""
        self._check_model(request)
        answer = {"name": self._model.name, "ready": self._ready}
        return _json(answer, 200 if self._ready else 503)

    async def metrics(self, request: Request) -> Response:
        """Returns the metrics for Prometheus."""
        return Response(self.counters.text(), media_type=CONTENT_TYPE_LATEST)

    async def infer(self, request: Request) -> Response:
        """Runs the model on the rows of a request."""
        self._check_model(request)
        _check_headers(request)
        if self._pending >= self._limits.max_pending:
            raise HTTPException(503, "the server is busy: try again", {"Retry-After": "1"})
        self._pending += 1
        try:
            content = await body.read(request, self._max_body)
            parsed = parse(content, self._model, self._limits.max_rows)
            outputs = await self._batcher.submit(parsed.arrays, parsed.rows)
            answer = encode(self._model, parsed, outputs)
        except RequestError as error:
            raise HTTPException(400, str(error)) from None
        except ModelError:
            raise HTTPException(500, "the model failed; see the server's log") from None
        except FloatingPointError as error:
            raise HTTPException(500, str(error)) from None
        finally:
            self._pending -= 1
        return Response(answer, media_type="application/json")

    @property
    def _ready(self) -> bool:
        return self._batcher is not None and self._batcher.alive

    def _check_model(self, request: Request) -> None:
        name, version = request.path_params["name"], request.path_params.get("version")
        if name != self._model.name:
            raise HTTPException(
                404, f"there is no model '{name[:100]}': expected '{self._model.name}'"
            )
        if version not in (None, self._model.version):
            raise HTTPException(
                404, f"there is no version '{version[:100]}': expected '{self._model.version}'"
            )


def create_app(model: ServedModel, run: Run, limits: Limits) -> FastAPI:
    """Returns the application; see `Service` for the arguments."""
    service = Service(model, run, limits)
    app = FastAPI(
        lifespan=service.lifespan, openapi_url=None, redirect_slashes=False, title="PaddleMTL"
    )
    # Routes are tried in this order, so the busiest comes first.
    paths = {f"{prefix}/infer": (service.infer, ["POST"]) for prefix in _MODEL_PATHS}
    for prefix in _MODEL_PATHS:
        paths[prefix] = (service.model, _READ_METHODS)
        paths[f"{prefix}/ready"] = (service.model_ready, _READ_METHODS)
    paths["/v2"] = (service.server, _READ_METHODS)
    paths["/v2/health/live"] = (service.live, _READ_METHODS)
    paths["/v2/health/ready"] = (service.ready, _READ_METHODS)
    paths["/metrics"] = (service.metrics, _READ_METHODS)
    for path, (endpoint, methods) in paths.items():
        app.add_api_route(path, endpoint, methods=methods, response_model=None)
    app.add_exception_handler(StarletteHTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _client_disconnected)
    app.add_exception_handler(Exception, _internal_error)
    app.add_middleware(MetricsMiddleware, metrics=service.counters)
    return app


def _check_headers(request: Request) -> None:
    """Rejects binary and compressed bodies, which the JSON parser could not explain."""
    if "inference-header-content-length" in request.headers:
        raise HTTPException(400, "binary tensors are not supported: send data as JSON")
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise HTTPException(
            400, f"Content-Encoding {encoding[:100]} is not supported: send plain JSON"
        )


def _json(answer: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(answer), status, media_type="application/json")


async def _http_error(request: Request, error: StarletteHTTPException) -> Response:
    """Returns an error in the protocol's form, also if FastAPI raised it."""
    message = error.detail
    if message in ("Not Found", "Method Not Allowed"):
        message = f"{request.method} {request.url.path[:200]}: {message}"
    content = orjson.dumps({"error": message})
    response = body.LastResponse if error.status_code in (408, 413) else Response
    return response(content, error.status_code, error.headers, media_type="application/json")


async def _client_disconnected(request: Request, error: ClientDisconnect) -> Response:
    return Response(status_code=499)  # only the metrics see it


async def _internal_error(request: Request, error: Exception) -> Response:
    """Returns the answer to a bug in the server; Uvicorn logs the exception."""
    return _json({"error": "internal error; see the server's log"}, 500)
