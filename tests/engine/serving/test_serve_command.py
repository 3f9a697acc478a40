"""``tools/serve.py`` in its own process, with an exported model."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest

from engine.deployment.exported_model import model_files
from engine.deployment.predictors import opening, predictor

parser = pytest.importorskip("prometheus_client.parser")

NAME = "share_bottom"
URL = f"/v2/models/{NAME}/infer"


@pytest.fixture
def server(serve, exported_folder, engine):
    """A server of the exported model."""
    return serve("--model_dir", exported_folder, "--engine", engine)


@pytest.fixture
def reference(exported_folder, engine):
    """The same model in this process."""
    model = model_files.find(exported_folder, engine=engine)
    return opening.open_predictor(model, predictor.Options(engine=engine))


def body_of(array, **fields):
    entry = {"name": "input", "datatype": "FP32", "shape": list(array.shape)}
    return {"inputs": [{**entry, "data": array.ravel().tolist()}], **fields}


def outputs_of(answer):
    return {
        output["name"]: np.array(output["data"], "float32").reshape(output["shape"])
        for output in answer["outputs"]
    }


def test_many_clients_get_what_the_predictor_gives(server, reference):
    def converse(seed):
        random = np.random.default_rng(seed)
        results = []
        with httpx.Client(base_url=server.address, timeout=60) as client:
            for number in range(5):
                rows = random.random((int(random.integers(1, 20)), 499), "float32")
                name = f"{seed}/{number}"
                answer = client.post(URL, json=body_of(rows, id=name)).json()
                assert answer["id"] == name
                results.append((rows, outputs_of(answer)))
        return results

    with ThreadPoolExecutor(16) as pool:
        results = [result for part in pool.map(converse, range(16)) for result in part]
    names = [spec.name for spec in reference.outputs]
    for rows, outputs in results:
        assert list(outputs) == names
        for name, expected in zip(names, reference.run([rows])):
            np.testing.assert_allclose(outputs[name], expected, rtol=1e-4, atol=1e-6)

    text = httpx.get(f"{server.address}/metrics").text
    values = {
        (sample.name, sample.labels.get("code")): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["paddlemtl_requests_total", "200"] == len(results)
    assert values["paddlemtl_rows_total", None] == sum(len(rows) for rows, _ in results)
    assert values["paddlemtl_batch_rows_count", None] <= len(results)
    assert values["paddlemtl_queue_length", None] == 0
    assert server.end() == 0


def test_the_metadata_and_the_command_in_the_log(server, reference, engine):
    metadata = httpx.get(f"{server.address}/v2/models/{NAME}").json()
    shapes = {spec.name: list(spec.shape) for spec in reference.outputs}
    assert metadata["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 499]}]
    assert {entry["name"] for entry in metadata["outputs"]} == set(shapes)
    assert metadata["platform"] == {"paddle": "paddle_inference"}.get(engine, "onnx_onnxv1")

    line = server.wait_for(r" - serving on (.*)")[1]
    assert line.startswith(f"{server.address}: {NAME} ({engine}), inputs: input FP32 [-1, 499], ")
    at = ["--data-binary", "@-"]
    python, option, code, pipe, *curl, url = shlex.split(server.wait_for(r" - try: (.*)")[1])
    assert [python, option, pipe, *curl] == ["python3", "-c", "|", "curl", "-s", *at]
    body = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout
    found = outputs_of(httpx.post(url, content=body).json())
    expected = reference.run([np.zeros((1, 499), "float32")])
    for name, array in zip(shapes, expected):
        np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-6)
    assert server.end(signal.SIGINT) == 0


def test_an_example_request(serve, exported_folder, tmp_path):
    path = tmp_path / "request.json"
    writer = serve("--model_dir", exported_folder, "--example_request", path, "--example_rows", 3)
    assert writer.finish() == 0
    (entry,) = json.loads(path.read_bytes())["inputs"]
    assert entry["shape"] == [3, 499]
    server = serve("--model_dir", exported_folder, "--model_name", "m", "--model_version", "7")
    url = f"{server.address}/v2/models/m/versions/7/infer"
    answer = httpx.post(url, content=path.read_bytes()).json()
    assert answer["model_version"] == "7"
    assert all(len(array) == 3 for array in outputs_of(answer).values())


def test_a_model_without_metadata(serve, exported_folder, engine, tmp_path):
    graph = model_files.find(exported_folder, engine=engine)
    for path in filter(None, (graph.graph, graph.parameters)):
        shutil.copy(path, tmp_path / f"bare{os.path.splitext(path)[1]}")
    server = serve("--model_dir", tmp_path, "--engine", engine)
    metadata = httpx.get(f"{server.address}/v2/models/bare").json()
    entry = {"datatype": "FP32", "shape": [2, 499], "data": [0] * 998}
    body = {"inputs": [{**entry, "name": metadata["inputs"][0]["name"]}]}
    answer = httpx.post(f"{server.address}/v2/models/bare/infer", json=body).json()
    assert [output["name"] for output in answer["outputs"]] == [
        output["name"] for output in metadata["outputs"]
    ]


def test_onnx_needs_no_paddle(serve, exported_folder, tmp_path):
    for name in ("paddle2onnx", "onnxruntime"):
        pytest.importorskip(name)
    (tmp_path / "paddle.py").write_text("raise ModuleNotFoundError('No module named paddle')")
    server = serve("--model_dir", exported_folder, PYTHONPATH=str(tmp_path))
    answer = httpx.post(server.address + URL, json=body_of(np.zeros((2, 499))))
    assert answer.status_code == 200, answer.text


# Connections


def connection(server):
    host, port = server.address.rpartition("/")[2].split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def until_refused(server):
    """Connects until connections are refused."""
    try:
        while True:
            connection(server).close()
    except ConnectionError:
        pass


def read_answer(made):
    """Returns what a server sends until it closes the connection."""
    parts = []
    while part := made.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_a_body_in_chunks_is_refused_before_it_ends(serve, exported_folder):
    server = serve("--model_dir", exported_folder, "--max_body_mb", 0.1)
    with connection(server) as made:
        made.sendall(
            f"POST {URL} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        for _ in range(3):
            made.sendall(b"%x\r\n%s\r\n" % (50_000, b" " * 50_000))
        answer = made.recv(65536)  # while more is expected
        assert answer.startswith(b"HTTP/1.1 413 ")
        made.sendall(b"%x\r\n%s\r\n" % (50_000, b" " * 50_000))  # still taken, not reset
        made.shutdown(socket.SHUT_WR)
        answer += read_answer(made)
    assert answer.endswith(b'{"error":"the body is larger than 104857 bytes (--max_body_mb)"}')
    # A client that first sends everything sees the answer too.
    response = httpx.post(server.address + URL, content=b" " * 3_000_000)
    assert response.status_code == 413
    with connection(server) as made:
        made.sendall(
            f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        assert made.recv(65536).startswith(b"HTTP/1.1 413 ")  # not 100


def test_clients_that_disconnect_do_not_disturb_others(serve, exported_folder):
    server = serve("--model_dir", exported_folder)
    body = json.dumps(body_of(np.zeros((8, 499)))).encode()
    head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with httpx.Client(base_url=server.address, timeout=60) as client:
        for sent in (head, head + body[:1000], head + body):
            for _ in range(10):
                with connection(server) as made:
                    made.sendall(sent)
                assert client.post(URL, content=body).status_code == 200
    assert server.end() == 0
    assert not [line for line in server.lines if "Traceback" in line or "ERROR" in line]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopping_server_answers_the_requests_that_have_begun(serve, exported_folder, number):
    server = serve("--model_dir", exported_folder)
    body = json.dumps(body_of(np.zeros((2, 499)))).encode()
    with connection(server) as made, connection(server):
        made.sendall(
            f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        assert made.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"  # the server is at it
        server.process.send_signal(number)
        until_refused(server)
        made.sendall(body)
        answer = read_answer(made)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(outputs_of(json.loads(answer.partition(b"\r\n\r\n")[2]))["income"]) == 2
    assert server.finish() == 0
    assert server.wait_for(r" - stopped$")


# Errors of one line


def only_error(lines):
    """The one line that a failed command ends with."""
    *before, line = lines
    assert line.startswith("error: ")
    assert not [other for other in before if "Traceback" in other or "error" in other]
    return line


@pytest.fixture
def refusal(run_command, exported_folder):
    """Runs the command in this process; returns its error."""
    for name in ("fastapi", "uvicorn", "orjson"):
        pytest.importorskip(name)

    def run(*arguments):
        done = run_command("serve", "--model_dir", exported_folder, "--port", 0, *arguments)
        assert done.code == 2
        return only_error(done.stderr.splitlines())

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "no such host"], "error: cannot listen on --host no such host --port 0: "),
        (["--host", "192.0.2.1"], "error: cannot listen on --host 192.0.2.1 --port 0: "),
        (["--model_name", "a/b"], "error: --model_name 'a/b': expected printable text without '/'"),
        (["--max_batch_size", "0"], "error: argument --max_batch_size: expected an integer of"),
        (["--max_delay_ms", "-1"], "error: argument --max_delay_ms: expected a number from 0 to"),
        (["--max_delay_ms", "nan"], "error: argument --max_delay_ms: expected a number from"),
        (["--max_body_mb", "1e999"], "error: argument --max_body_mb: expected a number from"),
        (["--enable_mkldnn", "maybe"], "error: argument --enable_mkldnn: expected True or False"),
        (["--use_gpu", "maybe"], "error: argument --use_gpu: expected True or False"),
        (["--precision", "fp8"], "error: argument --precision: invalid choice: 'fp8'"),
        (["--precision", "tf32"], "error: --precision tf32 needs --use_gpu=True: only GPUs"),
        (["--engine", "torch"], "error: argument --engine: invalid choice: 'torch'"),
        (["--log_level", "loud"], "error: argument --log_level: invalid choice: 'loud'"),
        (["--model_file", "none.json"], "error: there is no model file "),
        (["--example_request", "/none/x"], "error: --example_request: cannot write /none/x: "),
    ],
)
def test_bad_options(refusal, arguments, message):
    assert refusal(*arguments).startswith(message)


def test_a_port_in_use_and_an_invalid_port(refusal):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        line = refusal("--port", port)
    assert line == f"error: cannot listen on --host 127.0.0.1 --port {port}: Address already in use"
    assert refusal("--port", 65536).startswith(
        "error: argument --port: expected an integer of at most"
    )


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "orjson", "prometheus_client"])
def test_a_missing_package(serve, exported_folder, tmp_path, missing):
    (tmp_path / f"{missing}.py").write_text(
        f"raise ModuleNotFoundError('No module named {missing}', name='{missing}')"
    )
    process = serve("--model_dir", exported_folder, PYTHONPATH=str(tmp_path))
    assert process.finish() == 2
    *lines, _ = process.lines
    assert (
        only_error(lines)
        == f"error: serving needs {missing}: pip install -r requirements-deploy.txt"
    )
