"""Applications around a model of plain arithmetic, and real servers of an exported model."""

import asyncio
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from engine import commands
from engine.config.load import load_config
from engine.deployment.exported_model.tensors import TensorSpec
from engine.model_folder import loading

ROOT = Path(__file__).resolve().parents[3]
EXTRAS = ("fastapi", "uvicorn", "orjson", "prometheus_client")
INPUTS = [TensorSpec("features", (None, 3), "float32"), TensorSpec("ids", (None,), "int64")]
OUTPUTS = [TensorSpec("sums", (None, 1), "float32"), TensorSpec("doubles", (None,), "int64")]


def arithmetic(arrays):
    """Returns the sum of each row's features and id, and twice the id."""
    features, ids = arrays
    return [(features.sum(axis=1) + ids).astype("float32").reshape(-1, 1), ids * 2]


@pytest.fixture
def make_app():
    """Makes an application around a function, ``arithmetic`` unless another is given."""
    for name in EXTRAS:
        pytest.importorskip(name)

    def make(run=arithmetic, inputs=INPUTS, outputs=OUTPUTS, gate=None, facts=None, **limits):
        from engine.serving.app import Limits, create_app
        from engine.serving.protocol import ServedModel

        model = ServedModel("toy", "1", "paddle", inputs, outputs, facts)
        run = gate(run) if gate else run
        return create_app(model, run, Limits(**limits))

    return make


@asynccontextmanager
async def opened(app, **options):
    """An asynchronous client of an application that runs in this process."""
    transport = httpx.ASGITransport(app=app, **options)
    client = httpx.AsyncClient(transport=transport, base_url="http://toy")
    async with app.router.lifespan_context(app), client:
        yield client


class Client:
    """A client of an application, for tests that are not coroutines."""

    def __init__(self, app):
        self._loop = asyncio.new_event_loop()
        self._context = opened(app, raise_app_exceptions=False)
        self._client = self._loop.run_until_complete(self._context.__aenter__())

    def request(self, method, path, **options):
        return self._loop.run_until_complete(self._client.request(method, path, **options))

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def close(self):
        self._loop.run_until_complete(self._context.__aexit__(None, None, None))
        self._loop.close()


@pytest.fixture
def open_app():
    """Opens an application for a coroutine; see ``opened``."""
    return opened


@pytest.fixture
def client_of(make_app):
    """Makes clients of applications; takes what ``make_app`` takes."""
    made = []

    def make(*arguments, **options):
        made.append(Client(make_app(*arguments, **options)))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(client_of):
    """A client of the arithmetic's application."""
    return client_of(max_rows=100, max_body_mb=0.1)


@pytest.fixture
def request_of():
    """Makes the body of a request to the arithmetic."""

    def make(features, ids, **fields):
        features = np.asarray(features, "float32").reshape(-1, 3)
        return {
            "inputs": [
                tensor("features", "FP32", features),
                tensor("ids", "INT64", np.asarray(ids, "int64")),
            ],
            **fields,
        }

    def tensor(name, datatype, array):
        shape, data = list(array.shape), array.tolist()
        return {"name": name, "datatype": datatype, "shape": shape, "data": data}

    return make


class Gate:
    """A gate in front of a model: while it is shut, runs wait."""

    def __init__(self):
        self._reached = threading.Semaphore(0)
        self._open = threading.Event()
        self._open.set()

    def __call__(self, run):
        @functools.wraps(run)
        def gated(arrays):
            self._reached.release()
            assert self._open.wait(120)
            return run(arrays)

        return gated

    def shut(self):
        self._open.clear()
        while self._reached.acquire(blocking=False):
            pass

    def open(self):
        self._open.set()

    async def reached(self):
        """Waits until the model's thread has reached the gate."""
        await asyncio.get_running_loop().run_in_executor(None, self._reached.acquire, True, 120)


@pytest.fixture
def gate():
    made = Gate()
    yield made
    made.open()


@pytest.fixture
def asynchronously():
    """Runs a coroutine with a time limit."""

    def run(coroutine):
        return asyncio.run(asyncio.wait_for(coroutine, 120))

    async def never():
        await asyncio.get_running_loop().create_future()

    run.never = never
    return run


# Real servers


class Process:
    """A ``tools/serve.py`` in a process of its own."""

    def __init__(self, *arguments, **environment):
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "tools" / "serve.py", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self.lines = deque()
        self._said = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            with self._said:
                self.lines.append(line.rstrip("\n"))
                self._said.notify()
        with self._said:
            self.lines.append("the end")
            self._said.notify()

    def wait_for(self, pattern):
        """The first match of a pattern in the log."""
        seen = 0
        with self._said:
            while True:
                for line in list(self.lines)[seen:]:
                    seen += 1
                    match = re.search(pattern, line)
                    if match:
                        return match
                    assert line != "the end", "\n".join(self.lines)
                assert self._said.wait(120), "\n".join(self.lines)

    @functools.cached_property
    def address(self):
        return self.wait_for(r" - serving on (http://\S+): ")[1]

    def end(self, number=signal.SIGTERM):
        """Sends a signal to the server; returns its exit code."""
        self.process.send_signal(number)
        return self.finish()

    def finish(self):
        """Waits for the end; returns the exit code."""
        code = self.process.wait(120)
        self._reader.join(60)
        assert self.process.stdout.read() == ""
        return code

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def serve():
    """Starts servers on free ports; kills those that still run at the end."""
    for name in EXTRAS:
        pytest.importorskip(name)
    started = []

    def start(*arguments, port=0, **environment):
        started.append(Process(*arguments, "--port", port, **environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.fixture(scope="session")
def exported_folder(tmp_path_factory):
    """ShareBottom, trained for an epoch and exported for every installed engine."""
    folder = tmp_path_factory.mktemp("exported")
    yaml = ROOT / "models" / "multitask" / "share_bottom" / "config.yaml"
    has_onnx = all(map(_installed, ("onnx", "paddle2onnx", "onnxruntime")))
    options = [f"runner.model_save_path={folder}", f"runner.infer_load_path={folder}"]
    options += ["runner.epochs=1", "runner.infer_end_epoch=1", "runner.train_batch_size=16"]
    config = load_config(str(yaml), options, loading.hyper_parameters)
    commands.train(config, "dygraph")
    commands.export(config, "onnx" if has_onnx else "paddle")
    yield folder / "0"
    shutil.rmtree(folder)


def _installed(name):
    from importlib.util import find_spec

    return find_spec(name) is not None


@pytest.fixture(params=["paddle", "onnxruntime"])
def engine(request):
    """Each engine that is installed."""
    if request.param == "onnxruntime":
        for name in ("paddle2onnx", "onnxruntime"):
            pytest.importorskip(name)
    return request.param
