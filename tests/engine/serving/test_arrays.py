"""The conversion of JSON data to arrays, and its errors."""

import json
import re

import numpy as np
import pytest

from engine.serving.arrays import to_array
from engine.serving.protocol import DATATYPES, RequestError

DTYPES = [np.dtype(name) for name in DATATYPES]


def values_of(dtype, count, random):
    if dtype.kind == "b":
        return random.random(count) < 0.5
    if dtype.kind == "f":
        return random.standard_normal(count).astype(dtype)
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max, count, dtype, endpoint=True)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(1,), (7,), (1, 1), (3, 4), (2, 3, 4), (2, 1, 3, 1)])
def test_flat_and_nested_data_give_the_array(dtype, shape):
    array = values_of(dtype, np.prod(shape), np.random.default_rng(0)).reshape(shape)
    for data in (array.tolist(), array.ravel().tolist()):
        read = to_array(json.loads(json.dumps(data)), shape, dtype)
        assert read.dtype == dtype
        assert read.flags.c_contiguous
        np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d.kind in "iu"], ids=str)
def test_the_ends_of_an_integer_type(dtype):
    limits = np.iinfo(dtype)
    ends = [limits.min, limits.max]
    np.testing.assert_array_equal(to_array(ends, [2], dtype), np.array(ends, dtype))
    for index, value in enumerate([limits.min - 1, limits.max + 1]):
        data = [0, 0]
        data[index] = value
        with pytest.raises(RequestError, match=rf"^data\[{index}\] is {value}, out of the range"):
            to_array(data, [2], dtype)


def test_exact_numbers_are_accepted():
    np.testing.assert_array_equal(to_array([1.0, -0.0, 3], [3], np.dtype("int64")), [1, 0, 3])
    np.testing.assert_array_equal(to_array([1, 2.5], [2], np.dtype("float32")), [1, 2.5])


@pytest.mark.parametrize(
    ("data", "shape", "dtype", "message"),
    [
        (None, [1], "float32", "data is null, expected an array"),
        (1.5, [1], "float32", "data is a number, expected an array"),
        ({"0": 1}, [1], "float32", "data is an object, expected an array"),
        ("12", [2], "float32", "data is a string, expected an array"),
        ([], [1, 3], "float32", "data has 0 elements, but shape [1, 3] has 3"),
        ([1, 2], [1, 3], "float32", "data has 2 elements, but shape [1, 3] has 3"),
        ([1, 2, 3, 4], [1, 3], "float32", "data has 4 elements, but shape [1, 3] has 3"),
        ([[1, 2, 3]], [2, 3], "float32", "data has 1 rows, but shape [2, 3] has 2"),
        ([[1, 2], [3]], [2, 2], "float32", "data[1] has 1 elements, expected an array of 2"),
        ([[1, 2], 3], [2, 2], "float32", "data[1] is a number, expected an array of 2"),
        ([[1, 2], "ab"], [2, 2], "float32", "data[1] is a string, expected an array of 2"),
        ([1, [2]], [2], "float32", "data[1] is an array, expected a number"),
        ([[[1]], [[2, 3]]], [2, 1, 1], "int8", "data[1][0] has 2 elements, expected an array of 1"),
        ([[1, [2]], [3, 4]], [2, 2], "float32", "data[0][1] is an array, expected a number"),
        ([[1], [2]], [2], "float32", "data[0] is an array, expected a number"),
        ([1, "2"], [2], "float32", "data[1] is a string, expected a number"),
        ([1, None], [2], "float32", "data[1] is null, expected a number"),
        ([1, True], [2], "float32", "data[1] is a boolean, expected a number"),
        ([0, {}], [2], "int64", "data[1] is an object, expected a number"),
        ([True, 1], [2], "bool", "data[1] is a number, expected true or false"),
        ([0, 1.5], [2], "int64", "data[1] is 1.5, expected an exact integer"),
        ([[0, 1], [1e300, 0]], [2, 2], "int64", "data[1][0] is 1e+300, expected an exact integer"),
        ([2.0**53 + 2], [1], "int64", "data[0] is 9007199254740994.0, expected an exact integer"),
        ([-1], [1], "uint8", "data[0] is -1, out of the range of UINT8: 0 to 255"),
    ],
)  # fmt: skip
def test_invalid_data(data, shape, dtype, message):
    with pytest.raises(RequestError, match=f"^{re.escape(message)}$"):
        to_array(data, shape, np.dtype(dtype))


@pytest.mark.parametrize(("dtype", "value"), [("float32", 1e39), ("float16", -70000)])
def test_a_number_beyond_a_float_type(dtype, value):
    with pytest.raises(RequestError, match=r"^data\[0\]\[1\] is .*, out of the range of FP"):
        to_array([[0, value]], [1, 2], np.dtype(dtype))
