"""The protocol's paths, as a FastAPI application around one model."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import FastAPI, HTTPException, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.requests import ClientDisconnect

from engine.serving import body
from engine.serving.batcher import Batcher, ModelError, Run
from engine.serving.metrics import Measured, Metrics
from engine.serving.protocol import RequestError, ServedModel
from engine.serving.request import parse
from engine.serving.response import encode
from engine.serving.warm_up import warm_up

logger = logging.getLogger(__name__)

_VERSION = "unreleased"  # of this server, as in CHANGELOG.md
_READ = ["GET", "HEAD"]
_MODEL = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")


@dataclass(frozen=True)
class Limits:
    """What a server takes on; each is an option of ``tools/serve.py``."""

    max_batch_size: int = 1024
    max_delay_ms: float = 0.0
    max_body_mb: float = 16.0
    max_rows: int = 65536
    max_pending: int = 256


class Service:
    """What is behind each path; a method's name is its label in the metrics.

    Args:
        model: what clients see of the model.
        run: runs it, batch-first arrays in and out; only ever called by one thread at a time.
        limits: what the server takes on.
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
        joins = warm_up(self._model, self._run)
        if not joins:
            logger.warning("rows of several requests cannot be joined: each is run alone")
        limits = self._limits
        delay = limits.max_delay_ms / 1e3
        self._batcher = Batcher(self._run, limits.max_batch_size, delay, joins, self.counters.ran)
        self._batcher.start()
        self.counters.watch_queue(self._batcher.__len__)
        yield
        self._batcher.close(timeout=10)

    async def server(self, request: Request) -> Response:
        """Says what this server is."""
        return _json({"name": "paddlemtl", "version": _VERSION, "extensions": []})

    async def live(self, request: Request) -> Response:
        """Says that the server answers."""
        return _json({"live": True})

    async def ready(self, request: Request) -> Response:
        """Says whether inference requests are answered."""
        return _json({"ready": self._ready}, 200 if self._ready else 503)

    async def model(self, request: Request) -> Response:
        """Describes the model."""
        self._check_model(request)
        return _json(self._model.metadata())

    async def model_ready(self, request: Request) -> Response:
        """Says whether inference requests are answered by the model."""
        self._check_model(request)
        answer = {"name": self._model.name, "ready": self._ready}
        return _json(answer, 200 if self._ready else 503)

    async def metrics(self, request: Request) -> Response:
        """Returns what Prometheus collects."""
        return Response(self.counters.text(), media_type=CONTENT_TYPE_LATEST)

    async def infer(self, request: Request) -> Response:
        """Runs the model on a request's rows."""
        self._check_model(request)
        _check_headers(request)
        if self._pending >= self._limits.max_pending:
            raise HTTPException(503, "the server is busy: try again", {"Retry-After": "1"})
        self._pending += 1
        try:
            asked = parse(
                await body.read(request, self._max_body), self._model, self._limits.max_rows
            )
            outputs = await self._batcher.submit(asked.arrays, asked.rows)
            content = encode(self._model, asked, outputs)
        except RequestError as error:
            raise HTTPException(400, str(error)) from None
        except ModelError:
            raise HTTPException(500, "the model failed; the server's log says why") from None
        except FloatingPointError as error:
            raise HTTPException(500, str(error)) from None
        finally:
            self._pending -= 1
        return Response(content, media_type="application/json")

    @property
    def _ready(self) -> bool:
        return self._batcher is not None and self._batcher.alive

    def _check_model(self, request: Request) -> None:
        name, version = request.path_params["name"], request.path_params.get("version")
        if name != self._model.name:
            raise HTTPException(
                404, f"there is no model '{name[:100]}': '{self._model.name}' is served"
            )
        if version not in (None, self._model.version):
            raise HTTPException(
                404, f"there is no version '{version[:100]}': '{self._model.version}' is served"
            )


def create_app(model: ServedModel, run: Run, limits: Limits) -> FastAPI:
    """Returns the application; see `Service` for the arguments."""
    service = Service(model, run, limits)
    app = FastAPI(
        lifespan=service.lifespan, openapi_url=None, redirect_slashes=False, title="PaddleMTL"
    )
    paths = {f"{prefix}/infer": (service.infer, ["POST"]) for prefix in _MODEL}  # the first tried
    for prefix in _MODEL:
        paths[prefix] = (service.model, _READ)
        paths[f"{prefix}/ready"] = (service.model_ready, _READ)
    paths["/v2"] = (service.server, _READ)
    paths["/v2/health/live"] = (service.live, _READ)
    paths["/v2/health/ready"] = (service.ready, _READ)
    paths["/metrics"] = (service.metrics, _READ)
    for path, (endpoint, methods) in paths.items():
        app.add_api_route(path, endpoint, methods=methods, response_model=None)
    app.add_exception_handler(AnyHTTPException, _refused)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _failed)
    app.add_middleware(Measured, metrics=service.counters)
    return app


def _check_headers(request: Request) -> None:
    """Refuses what would only be read as bad JSON."""
    if "inference-header-content-length" in request.headers:
        raise HTTPException(400, "binary tensors are not supported: send data as JSON")
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise HTTPException(
            400, f"Content-Encoding {encoding[:100]} is not supported: send plain JSON"
        )


def _json(answer: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(answer), status, media_type="application/json")


async def _refused(request: Request, error: AnyHTTPException) -> Response:
    """The protocol's form of an error, those of FastAPI's own too."""
    message = error.detail
    if message in ("Not Found", "Method Not Allowed"):
        message = f"{request.method} {request.url.path[:200]}: {message}"
    content = orjson.dumps({"error": message})
    kind = body.LastResponse if error.status_code in (408, 413) else Response
    return kind(content, error.status_code, error.headers, media_type="application/json")


async def _gone(request: Request, error: ClientDisconnect) -> Response:
    return Response(status_code=499)  # for the metrics: nobody reads it


async def _failed(request: Request, error: Exception) -> Response:
    """The answer to a mistake of the server's own; whoever runs the server logs the exception."""
    return _json({"error": "internal error; the server's log says more"}, 500)
