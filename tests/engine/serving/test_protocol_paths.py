"""The paths of the protocol: answers about server and model, and errors."""

import pytest

from engine.deployment.exported_model.tensors import TensorSpec
from engine.system.errors import UserError

MODEL = "/v2/models/toy"
METADATA = {
    "name": "toy",
    "versions": ["1"],
    "platform": "paddle_inference",
    "inputs": [
        {"name": "features", "datatype": "FP32", "shape": [-1, 3]},
        {"name": "ids", "datatype": "INT64", "shape": [-1]},
    ],
    "outputs": [
        {"name": "sums", "datatype": "FP32", "shape": [-1, 1]},
        {"name": "doubles", "datatype": "INT64", "shape": [-1]},
    ],
}


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/v2", {"name": "paddlemtl", "version": "unreleased", "extensions": []}),
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        (MODEL, METADATA),
        (f"{MODEL}/versions/1", METADATA),
        (f"{MODEL}/ready", {"name": "toy", "ready": True}),
        (f"{MODEL}/versions/1/ready", {"name": "toy", "ready": True}),
    ],
)
def test_answers_of_get_requests(client, path, answer):
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == answer
    assert client.request("HEAD", path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/", "GET /: Not Found"),
        ("GET", "/v2/", "GET /v2/: Not Found"),
        ("GET", "/docs", "GET /docs: Not Found"),
        ("GET", "/openapi.json", "GET /openapi.json: Not Found"),
        ("GET", "/v2/models", "GET /v2/models: Not Found"),
        ("GET", "/v2/models/t", "there is no model 't': expected 'toy'"),
        ("GET", "/v2/models/t/ready", "there is no model 't': expected 'toy'"),
        ("POST", "/v2/models/t/infer", "there is no model 't': expected 'toy'"),
        ("GET", f"{MODEL}/versions/2", "there is no version '2': expected '1'"),
        ("POST", f"{MODEL}/versions/2/infer", "there is no version '2': expected '1'"),
        ("GET", f"{MODEL}/versions/2/ready", "there is no version '2': expected '1'"),
        ("GET", f"/v2/models/{'x' * 5000}", f"there is no model '{'x' * 100}': expected 'toy'"),
    ],
)
def test_unknown_paths_models_and_versions(client, method, path, message):
    response = client.request(method, path)
    assert response.status_code == 404
    assert response.json() == {"error": message}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v2", {"GET", "HEAD"}),
        ("DELETE", MODEL, {"GET", "HEAD"}),
        ("PUT", "/metrics", {"GET", "HEAD"}),
        ("GET", f"{MODEL}/infer", {"POST"}),
    ],
)
def test_methods_that_are_not_allowed(client, method, path, allowed):
    response = client.request(method, path)
    assert response.status_code == 405
    assert response.json() == {"error": f"{method} {path}: Method Not Allowed"}
    assert set(response.headers["allow"].split(", ")) == allowed


def test_a_closing_server_is_not_ready(client_of, monkeypatch):
    from engine.serving.batcher import Batcher

    client = client_of()
    monkeypatch.setattr(Batcher, "alive", False)
    for path in ("/v2/health/ready", f"{MODEL}/ready"):
        response = client.get(path)
        assert response.status_code == 503
        assert response.json()["ready"] is False
    assert client.get("/v2/health/live").status_code == 200


@pytest.mark.parametrize("name", ["", "a/b", "a\nb"])
def test_names_that_cannot_be_part_of_a_path(name):
    from engine.serving.protocol import ServedModel

    for names in ((name, "1"), ("toy", name)):
        with pytest.raises(UserError, match="expected printable text without '/'"):
            ServedModel(*names, "paddle", [], [])


def test_a_tensor_type_without_datatype():
    from engine.serving.protocol import ServedModel

    with pytest.raises(UserError, match="input 'words' has type string, expected one of bool"):
        ServedModel("toy", "1", "onnxruntime", [TensorSpec("words", (None,), "string")], [])


@pytest.mark.parametrize("name", ["a b", "模型", "a?b#c", "100%"])
def test_names_that_are_quoted_in_the_path(name, client_of, monkeypatch, request_of):
    from urllib.parse import quote

    from engine.serving import protocol

    served = protocol.ServedModel

    class Named(served):
        def __init__(self, _, *arguments):
            super().__init__(name, *arguments)

    monkeypatch.setattr(protocol, "ServedModel", Named)
    client = client_of()
    path = f"/v2/models/{quote(name, safe='')}"
    assert client.get(path).json()["name"] == name
    assert client.post(f"{path}/infer", json=request_of([[1, 2, 3]], [1])).status_code == 200
