"""Inputs, outputs and operators of graph files."""

import json

import pytest

from engine.deployment.exported_model import graph_files
from engine.deployment.exported_model.tensors import TensorSpec
from engine.system.errors import UserError


def test_inputs_and_outputs_of_a_program_are_in_their_order(write_pdmodel, tmp_path):
    path = tmp_path / "m.pdmodel"
    inputs = [("z", [-1, 3], "FP32"), ("a", [-1], "INT64"), ("m", [-1, 2, 4], "INT32")]
    outputs = [(f"out_{number}", [-1, 2], "FP32") for number in range(12)]
    write_pdmodel(path, inputs, outputs)
    found = graph_files.read_tensors(str(path))
    assert found[0] == [
        TensorSpec("z", (None, 3), "float32"),
        TensorSpec("a", (None,), "int64"),
        TensorSpec("m", (None, 2, 4), "int32"),
    ]
    assert [spec.name for spec in found[1]] == [name for name, *_ in outputs]


def test_a_program_without_inputs_or_outputs_is_refused(write_pdmodel, tmp_path):
    path = tmp_path / "m.pdmodel"
    for inputs, outputs in (([], [("y", [-1], "FP32")]), ([("x", [-1], "FP32")], [])):
        write_pdmodel(path, inputs, outputs)
        with pytest.raises(UserError, match="is not an inference model: it has no inputs or "):
            graph_files.read_tensors(str(path))


def test_operators_of_a_program(write_pdmodel, tmp_path):
    path = tmp_path / "m.pdmodel"
    write_pdmodel(path, [("x", [-1], "FP32")], [("y", [-1], "FP32")], ["quantize_linear"])
    assert graph_files.read_operators(str(path)) == {"feed", "fetch", "quantize_linear"}


def pir(*operators):
    """The text of a graph file of Paddle 3: (kind, name, dtype, shape) of each operator."""
    ops = [
        {
            "#": f"1.{kind}",
            "A": [{"N": "name", "AT": {"#": "0.a_str", "D": name}}],
            "O": [{"TT": {"#": "0.t_dtensor", "D": [{"#": f"0.{dtype}"}, shape, "NCHW", [], 0]}}],
        }
        for kind, name, dtype, shape in operators
    ]
    return json.dumps({"program": {"regions": [{"blocks": [{"ops": ops}]}]}})


def test_inputs_and_outputs_of_a_pir_graph(tmp_path):
    path = tmp_path / "m.json"
    path.write_text(
        pir(
            ("data", "ids", "t_i64", [-1, 2]),
            ("data", "flags", "t_bool", [-1]),
            ("softmax", "no", "t_f32", [-1, 2]),
            ("fetch", "fetch_name_0", "t_f32", [-1, 2]),
        )
    )
    assert graph_files.read_tensors(str(path)) == (
        [TensorSpec("ids", (None, 2), "int64"), TensorSpec("flags", (None,), "bool")],
        [TensorSpec("fetch_name_0", (None, 2), "float32")],
    )
    assert graph_files.read_operators(str(path)) == {"data", "softmax", "fetch"}
