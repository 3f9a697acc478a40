"""Inputs, outputs and operators of graph files."""

import json

import paddle
import pytest

from engine.deployment.exported_model import graph_files, model_files
from engine.deployment.exported_model.tensors import TensorSpec
from engine.deployment.predictors import opening
from engine.deployment.predictors.predictor import Options
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


UNSAFE = ["save", "save_combine", "load_combine", "py_func", "read_file", "check_numerics"]
UNSAFE += ["send_v2", "c_allreduce_sum", "fusion_group", "tensorrt_engine", "my_operator"]


def nested(*kinds):
    """A graph file of Paddle 3 with operators in the block of a condition."""
    inner = [{"blocks": [{"ops": [{"#": kind} for kind in kinds]}]}]
    ops = [{"#": "p"}, {"#": "0.combine"}, {"#": "1.if", "regions": inner}, {"#": "2.yield"}]
    return json.dumps({"program": {"regions": [{"blocks": [{"ops": ops}]}]}})


@pytest.mark.parametrize("kind", UNSAFE)
@pytest.mark.parametrize("ending", ["pdmodel", "json"])
def test_operators_that_may_touch_files_are_refused_wherever_they_are(
    write_pdmodel, tmp_path, kind, ending
):
    path = tmp_path / f"m.{ending}"
    problem = rf"^{path}: expected operators that only compute, found {kind}, which may read or"
    if ending == "json":
        path.write_text(nested(f"1.{kind}"))
    else:
        write_pdmodel(path, [("x", [-1], "FP32")], [("y", [-1], "FP32")], ["relu"])
        graph_files.check_operators(str(path))
        program = graph_files._load_program(str(path))
        inner = program.append_block(program.block(0))  # as that of a loop
        inner.append_op().set_type(kind)
        path.write_bytes(program.serialize_to_string())
    with pytest.raises(UserError, match=problem):
        graph_files.check_operators(str(path))
    (tmp_path / "m.pdiparams").write_bytes(b"")
    model = model_files.find(model_file=str(path))
    old = paddle.__version__.startswith("2.") and ending == "json"  # no format of Paddle 2
    for engine in () if old else ("paddle", "onnxruntime"):
        with pytest.raises(UserError, match=problem):
            opening.open_predictor(model, Options(engine=engine))


@pytest.mark.parametrize("operator", ["3.relu", "custom_op.relu", "relu.", "1.relu.save"])
def test_operators_of_other_dialects_are_refused(tmp_path, operator):
    path = tmp_path / "m.json"
    path.write_text(nested(operator))
    with pytest.raises(UserError, match=r"found .*relu"):
        graph_files.check_operators(str(path))


def test_operators_in_place_of_gradients_and_of_sparse_tensors_are_those_of_their_names(tmp_path):
    path = tmp_path / "m.json"
    names = ["relu_", "matmul_grad", "silu_double_grad", "isnan_sr", "add_sp", "while"]
    path.write_text(nested(*(f"1.{name}" for name in names)))
    graph_files.check_operators(str(path))


def test_a_key_that_is_there_twice_is_refused(tmp_path):
    """Of two keys, Paddle may read the one that is not checked."""
    path = tmp_path / "m.json"
    path.write_text(nested("1.save").replace('"1.save"', '"1.save", "#": "1.relu"'))
    with pytest.raises(UserError, match="is not a readable Paddle model: a key is there twice"):
        graph_files.check_operators(str(path))


def test_onnx_runtime_reads_no_file_outside_the_model_s_folder(tmp_path):
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper

    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "secret").write_bytes(b"\0" * 16)
    for location in ("../secret", str(tmp_path / "secret"), "link"):
        weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xy"]
        node = helper.make_node("Add", ["x", "w"], ["y"])
        graph = helper.make_graph([node], "g", ends[:1], ends[1:], [weight])
        opset = [helper.make_opsetid("", 17)]
        path = str(tmp_path / "m" / "m.onnx")
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
        with pytest.raises(Exception, match="External data path validation failed"):
            runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
