"""Inference requests: the protocol's fields, and invalid requests."""

import json

import numpy as np
import pytest

from engine.deployment.exported_model.tensors import TensorSpec

pytest.importorskip("fastapi")

URL = "/v2/models/toy/infer"


@pytest.fixture
def good(request_of):
    """A request of two rows."""
    return request_of([[1, 2, 3], [4, 5, 6]], [10, -1])


@pytest.fixture
def refusal(client):
    """Sends an invalid request; returns the error."""

    def send(content, status=400, **options):
        content = content if isinstance(content, (bytes, str)) else json.dumps(content)
        response = client.post(URL, content=content, **options)
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/json"
        assert list(response.json()) == ["error"]
        return response.json()["error"]

    return send


def test_the_answer_has_the_protocols_fields(client, good):
    response = client.post(URL, json=good)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "model_name": "toy",
        "model_version": "1",
        "outputs": [
            {"name": "sums", "shape": [2, 1], "datatype": "FP32", "data": [16, 14]},
            {"name": "doubles", "shape": [2], "datatype": "INT64", "data": [20, -2]},
        ],
    }


def test_optional_fields(client, good):
    good.update(id="a1", parameters={"x": 1}, outputs=[{"name": "doubles"}], unknown=0)
    good["inputs"][0]["parameters"] = {}
    answer = client.post("/v2/models/toy/versions/1/infer", json=good).json()
    assert answer["id"] == "a1"
    assert [output["name"] for output in answer["outputs"]] == ["doubles"]


def test_typed_tasks_have_parameters(client_of, request_of):
    """Metadata give types and class names; an answer repeats the names beside probabilities."""
    sizes = {"click": 2, "rating": 3, "stars": 3, "watch": 1}
    names = ["bad", "so", "gut, ü"]
    facts = [
        {"name": "click", "type": "binary", "class_num": 2},
        {"name": "rating", "type": "multiclass", "class_num": 3, "classes": names},
        {"name": "stars", "type": "multiclass", "class_num": 3, "classes": None},
        {"name": "watch", "type": "regression"},
    ]
    specs = [TensorSpec(name, (None, size), "float32") for name, size in sizes.items()]

    def run(arrays):
        return [np.full([len(arrays[1]), size], 1.5, "float32") for size in sizes.values()]

    client = client_of(run, outputs=specs, facts=facts)
    named = {"type": "multiclass", "class_0": "bad", "class_1": "so", "class_2": "gut, ü"}
    expected = [{"type": "binary"}, named, {"type": "multiclass"}, {"type": "regression"}]
    outputs = client.get("/v2/models/toy").json()["outputs"]
    assert [output["parameters"] for output in outputs] == expected
    answer = client.post(URL, json=request_of([[1, 2, 3]], [1])).json()["outputs"]
    assert [output.get("parameters") for output in answer] == [None, named, None, None]
    assert answer[3] == {"name": "watch", "shape": [1, 1], "datatype": "FP32", "data": [1.5]}


@pytest.mark.parametrize(
    "absent", [{"outputs": []}, {"id": None, "parameters": None, "outputs": None}]
)
def test_empty_optional_fields(client, good, absent):
    answer = client.post(URL, json={**good, **absent}).json()
    assert "id" not in answer
    assert [output["name"] for output in answer["outputs"]] == ["sums", "doubles"]


def test_outputs_come_in_the_requested_order(client, good):
    good["outputs"] = [{"name": "doubles"}, {"name": "sums", "parameters": {}}]
    answer = client.post(URL, json=good).json()
    assert [output["name"] for output in answer["outputs"]] == ["doubles", "sums"]


def test_inputs_in_any_order_and_flat(client, good):
    answer = client.post(URL, json=good).json()
    good["inputs"].reverse()
    good["inputs"][1]["data"] = [1, 2, 3, 4, 5, 6]
    assert client.post(URL, json=good).json() == answer


def test_floats_keep_their_bits(client, request_of):
    values = np.random.default_rng(0).standard_normal((20, 3)).astype("float32")
    values[:, 1:] = 0
    answer = client.post(URL, json=request_of(values, np.zeros(20))).json()
    read = np.array(answer["outputs"][0]["data"], "float32")
    np.testing.assert_array_equal(read, values[:, 0])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "the body is not JSON: "),
        ("{", "the body is not JSON: "),
        ("hello", "the body is not JSON: "),
        (b"\xff\xfe", "the body is not JSON: "),
        ('{"id": "\\ud800"}', "the body is not JSON: "),
        ("{} {}", "the body is not JSON: "),
        ("[" * 50_000, "the body is not JSON: "),
        ("[" * 1000 + "]" * 1000, "the body is an array, expected an object"),
        ("[]", "the body is an array, expected an object"),
        ("null", "the body is null, expected an object"),
        ("3", "the body is a number, expected an object"),
        ("{}", "inputs is missing, expected an array"),
        ('{"inputs": {}}', "inputs is an object, expected an array"),
        ('{"inputs": null}', "inputs is null, expected an array"),
        ('{"inputs": []}', "input 'features' is missing"),
        ('{"inputs": [1]}', "inputs[0] is a number, expected an object"),
        ('{"inputs": [{}]}', "inputs[0].name is missing, expected a string"),
        ('{"inputs": [{"name": 1}]}', "inputs[0].name is a number, expected a string"),
        ('{"inputs": [], "id": 1}', "id is a number, expected a string"),
        ('{"inputs": [], "parameters": []}', "parameters is an array, expected an object"),
        ('{"inputs": [], "outputs": {}}', "outputs is an object, expected an array"),
        (
            '{"inputs": [], "outputs": [{"name": "sum"}]}',
            "the model has no output 'sum'; did you mean 'sums'?",
        ),
        (
            '{"inputs": [], "outputs": [{"name": "sums"}, {"name": "sums"}]}',
            "output 'sums' is listed twice",
        ),
        (
            '{"inputs": [{"name": "feature"}]}',
            "the model has no input 'feature'; did you mean 'features'?",
        ),
        ('{"inputs": [{"name": "x"}]}', "the model has no input 'x': expected one of features, i"),
    ],
)  # fmt: skip
def test_invalid_bodies(refusal, body, message):
    assert refusal(body).startswith(message)


def test_a_long_name_is_not_repeated(refusal):
    assert len(refusal({"inputs": [{"name": "x" * 10_000}]})) < 200


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"datatype": "FP64"}, "datatype is 'FP64', expected FP32"),
        ({"datatype": "fp32"}, "datatype is 'fp32', expected FP32"),
        ({"datatype": "BYTES"}, "datatype is 'BYTES', expected FP32"),
        ({"datatype": None}, "datatype is null, expected FP32"),
        ({"datatype": ...}, "datatype is missing, expected FP32"),
        ({"shape": ...}, "shape is missing, expected an array of 2 integers"),
        ({"shape": 2}, "shape is a number, expected an array of 2 integers"),
        ({"shape": [2.0, 3]}, "shape is an array with other types, expected an array of 2 integ"),
        ({"shape": [True, 3]}, "shape is an array with other types, expected an array of 2 integ"),
        ({"shape": [2]}, "shape is [2], expected [-1, 3] (-1: any size"),
        ({"shape": [2, 3, 1]}, "shape is [2, 3, 1], expected [-1, 3] (-1: any size"),
        ({"shape": [2, 4]}, "shape is [2, 4], expected [-1, 3] (-1: any size"),
        ({"shape": [0, 3], "data": []}, "shape is [0, 3], expected [-1, 3] (-1: any size"),
        ({"shape": [-1, 3]}, "shape is [-1, 3], expected [-1, 3] (-1: any size"),
        ({"shape": [1] * 1000}, "shape is of 1000 sizes, expected [-1, 3] (-1: any size"),
        ({"shape": [101, 3]}, None),
        ({"shape": [1, 3]}, None),
        ({"data": ...}, "data is missing, expected an array"),
        ({"data": None}, "data is null, expected an array"),
        ({"data": [1, 2, 3, 4, 5]}, "data has 5 elements, but shape [2, 3] has 6"),
        ({"data": [[1, 2, 3]]}, "data has 1 rows, but shape [2, 3] has 2"),
        ({"data": [[1, 2, 3], [4, 5]]}, "data[1] has 2 elements, expected an array of 3"),
        ({"data": [1, 2, 3, 4, 5, "6"]}, "data[5] is a string, expected a number"),
        ({"data": [1, 2, 3, 4, 5, True]}, "data[5] is a boolean, expected a number"),
        ({"data": [[1, 2, 3], [4, 5, 1e39]]}, "data[1][2] is 1e+39, out of the range of FP32"),
    ],
)  # fmt: skip
def test_invalid_inputs(refusal, good, changes, message):
    features = good["inputs"][0]
    features.update(changes)
    for key in [key for key, value in changes.items() if value is ...]:
        del features[key]
    found = refusal(good)
    if message is None:
        assert found.startswith("input 'ids' has 2 rows, but input 'features' has ")
    else:
        assert found.startswith(f"input 'features': {message}")


def test_invalid_integers(refusal, good):
    ids = good["inputs"][1]
    for data, message in [
        ([1.5, 2], "data[0] is 1.5, expected an exact integer"),
        ([2**63, 2], f"data[0] is {2**63}, out of the range of INT64"),
        ([1, 2**70], "data[1] is 1.18059162071"),
    ]:
        ids["data"] = data
        assert refusal(good).startswith(f"input 'ids': {message}")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_json(refusal, good, number):
    body = json.dumps(good).replace("1.0", number, 1)
    assert number in body
    assert refusal(body).startswith("the body is not JSON: ")


def test_repeated_and_missing_inputs(refusal, good):
    features, ids = good["inputs"]
    assert refusal({"inputs": [features, ids, features]}) == "input 'features' is listed twice"
    assert refusal({"inputs": [features]}) == "input 'ids' is missing"


def test_more_rows_than_are_allowed(client, refusal, request_of):
    assert client.post(URL, json=request_of(np.zeros((100, 3)), np.zeros(100))).status_code == 200
    error = refusal(request_of(np.zeros((101, 3)), np.zeros(101)))
    assert error == "input 'features' has 101 rows, expected at most 100"


def test_a_shape_that_no_memory_holds(refusal, good):
    good["inputs"][0]["shape"] = [10**18, 3]
    good["inputs"][1]["shape"] = [10**18]
    assert refusal(good) == f"input 'features' has {10**18} rows, expected at most 100"


def test_binary_and_compressed_bodies_are_refused(refusal, good):
    error = refusal(good, headers={"Inference-Header-Content-Length": "10"})
    assert error == "binary tensors are not supported: send data as JSON"
    error = refusal(good, headers={"Content-Encoding": "gzip"})
    assert error == "Content-Encoding gzip is not supported: send plain JSON"


# Failures of the model and of the server


def test_a_model_that_fails(client_of, good, caplog):
    def fail(arrays):
        if arrays[1].any():
            raise RuntimeError("a secret of the model")
        return [arrays[0][:, :1], arrays[1]]

    client = client_of(fail)
    response = client.post(URL, json=good)
    assert response.status_code == 500
    assert response.json() == {"error": "the model failed; see the server's log"}
    assert "a secret of the model" in caplog.text
    assert client.get("/v2/health/ready").status_code == 200
    good["inputs"][1]["data"] = [0, 0]
    assert client.post(URL, json=good).status_code == 200


def test_an_infinite_output(client_of, good):
    client = client_of(lambda arrays: [arrays[0][:, :1] + np.inf, arrays[1]])
    response = client.post(URL, json=good)
    assert response.status_code == 500
    assert response.json() == {"error": "output 'sums' has NaN or infinite values"}
    good["outputs"] = [{"name": "doubles"}]
    assert client.post(URL, json=good).status_code == 200


def test_an_internal_error(client, good, monkeypatch):
    from engine.serving import app

    def fail(*arguments):
        raise KeyError("a secret of the server")

    monkeypatch.setattr(app, "encode", fail)
    response = client.post(URL, json=good)
    assert response.status_code == 500
    assert response.json() == {"error": "internal error; see the server's log"}
