"""Models with fixed batch sizes or unusual outputs, and models that fail on zeros."""

import numpy as np
import pytest

from engine.deployment.exported_model.tensors import TensorSpec

URL = "/v2/models/toy/infer"


def spec(name, *shape, dtype="float32"):
    return TensorSpec(name, shape, dtype)


def request_for(*arrays):
    return {
        "inputs": [
            {
                "name": f"x{n}",
                "datatype": "FP32",
                "shape": list(array.shape),
                "data": array.tolist(),
            }
            for n, array in enumerate(arrays)
        ]
    }


def answered(client, *arrays):
    response = client.post(URL, json=request_for(*arrays))
    assert response.status_code == 200, response.text
    return [
        np.array(output["data"]).reshape(output["shape"]) for output in response.json()["outputs"]
    ]


@pytest.fixture
def refused(client_of):
    def send(client, *arrays):
        response = client.post(URL, json=request_for(*arrays))
        assert response.status_code == 400
        return response.json()["error"]

    return send


def test_a_fixed_number_of_rows(client_of, refused, caplog):
    client = client_of(lambda arrays: [arrays[0] * 2], [spec("x0", 2, 3)], [spec("y", 2, 3)])
    assert "the model cannot join rows of several requests; each runs alone" in caplog.text
    array = np.arange(6, dtype="float32").reshape(2, 3)
    np.testing.assert_array_equal(answered(client, array)[0], array * 2)
    error = refused(client, array[:1])
    assert error == "input 'x0': shape is [1, 3], expected [2, 3]"


def test_one_output_for_all_rows(client_of, caplog):
    client = client_of(lambda arrays: [arrays[0].mean()[None]], [spec("x0", None, 2)], [spec("y")])
    assert "each runs alone" in caplog.text
    array = np.arange(6, dtype="float32").reshape(3, 2)
    np.testing.assert_array_equal(answered(client, array)[0], [2.5])


def test_sizes_that_vary_beside_the_rows(client_of, refused, caplog):
    def run(arrays):
        return [arrays[0].sum(axis=1)]

    client = client_of(run, [spec("x0", None, None)], [spec("y", None)])
    assert "each runs alone" not in caplog.text
    for width in (1, 4):
        array = np.ones((3, width), "float32")
        np.testing.assert_array_equal(answered(client, array)[0], [width] * 3)
    assert refused(client, np.ones((3, 0))).startswith(
        "input 'x0': shape is [3, 0], expected [-1, -1]"
    )


def test_a_fixed_input_beside_rows(client_of, refused):
    def run(arrays):
        return [arrays[0] * arrays[1]]

    client = client_of(run, [spec("x0", None), spec("x1", 1)], [spec("y", None)])
    found = answered(client, np.array([1.0, 2.0, 3.0]), np.array([2.0]))
    np.testing.assert_array_equal(found[0], [2, 4, 6])


def test_an_input_without_axes(client_of):
    client = client_of(lambda arrays: [np.add(*arrays, np.float32(1))], [spec("x0")], [spec("y")])
    response = client.post(
        URL, json={"inputs": [{"name": "x0", "datatype": "FP32", "shape": [], "data": [2]}]}
    )
    assert response.json()["outputs"][0] == {
        "name": "y", "shape": [], "datatype": "FP32", "data": [3]
    }  # fmt: skip


def test_a_model_that_fails_on_zeros_is_served(client_of, caplog):
    def run(arrays):
        if not arrays[0].any():
            raise RuntimeError("all is zero")
        return [arrays[0]]

    client = client_of(run, [spec("x0", None)], [spec("y", None)])
    assert "the model failed on 1 rows of zeros" in caplog.text
    np.testing.assert_array_equal(answered(client, np.ones(3))[0], np.ones(3))


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "uint64", "int64", "float16", "float64"]
)
def test_each_datatype_as_input_and_output(client_of, dtype):
    from engine.serving.protocol import DATATYPES

    client = client_of(
        lambda arrays: arrays, [spec("x0", None, dtype=dtype)], [spec("y", None, dtype=dtype)]
    )
    values = np.array([0, 1, 100], dtype)
    entry = {"name": "x0", "datatype": DATATYPES[dtype], "shape": [3], "data": values.tolist()}
    (output,) = client.post(URL, json={"inputs": [entry]}).json()["outputs"]
    assert output == {**entry, "name": "y"}
