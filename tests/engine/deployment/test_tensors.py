"""The conversion of a reader's batch to a model's inputs."""

import re

import numpy as np
import pytest

from engine.deployment.exported_model import tensors
from engine.deployment.exported_model.tensors import TensorSpec
from engine.system.errors import UserError

SPECS = [TensorSpec("x", (None, 2), "float32"), TensorSpec("ids", (None,), "int64")]


def test_the_first_columns_become_inputs_of_the_right_dtype():
    columns = [np.zeros([3, 4])[:, ::2], np.arange(3, dtype="int32"), np.ones([3, 1])]
    arrays = tensors.prepare_inputs(SPECS, columns)
    assert [array.dtype for array in arrays] == ["float32", "int64"]
    assert all(array.flags.c_contiguous for array in arrays)
    assert arrays[1].tolist() == [0, 1, 2]


def test_a_column_of_the_right_dtype_is_not_copied():
    column = np.zeros([3, 2], "float32")
    assert np.shares_memory(tensors.prepare_inputs(SPECS[:1], [column])[0], column)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            [np.zeros([3, 2])],
            "the reader yields 1 fields per row, expected at least the model's 2 inputs: x, ids",
        ),
        ([np.zeros([3, 3]), np.zeros(3, int)], "input x: expected shape [2] per row, "),
        ([np.zeros(3), np.zeros(3, int)], "input x: expected shape [2] per row, "),
        (
            [np.zeros([3, 2]), np.zeros(3)],
            "input ids: expected int64, the reader yields float64",
        ),
        ([np.full([3, 2], "a"), np.zeros(3, int)], "input x: expected float32, the reader"),
        ([np.full([3, 2], None), np.zeros(3, int)], "input x: expected float32, the reader"),
    ],
)
def test_columns_that_do_not_fit(columns, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        tensors.prepare_inputs(SPECS, columns)


def test_a_variable_size_accepts_any_size():
    spec = TensorSpec("x", (None, None, 2), "float32")
    assert tensors.prepare_inputs([spec], [np.zeros([3, 5, 2])])[0].shape == (3, 5, 2)
