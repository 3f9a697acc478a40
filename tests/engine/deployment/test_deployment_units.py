"""The parts of deployment by themselves: files, tensors, tables, rows and passes."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from engine.deployment.exported_model import graph_files, model_files, tensors
from engine.deployment.exported_model.tensors import TensorSpec
from engine.deployment.inference import benchmark_report, passes
from engine.deployment.predictors.predictor import Options
from engine.evaluation import predictions
from engine.system.errors import UserError

# Graph files


def test_inputs_and_outputs_of_a_program_are_in_their_order(write_pdmodel, tmp_path):
    path = tmp_path / "m.pdmodel"
    inputs = [("z", [-1, 3], "FP32"), ("a", [-1], "INT64"), ("m", [-1, 2, 4], "INT32")]
    outputs = [(f"out_{number}", [-1, 2], "FP32") for number in range(12)]
    write_pdmodel(path, inputs, outputs)
    found = graph_files.tensors(str(path))
    assert found[0] == [
        TensorSpec("z", (None, 3), "float32"),
        TensorSpec("a", (None,), "int64"),
        TensorSpec("m", (None, 2, 4), "int32"),
    ]
    assert [spec.name for spec in found[1]] == [name for name, *_ in outputs]


def test_a_program_without_inputs_or_outputs_is_no_inference_model(write_pdmodel, tmp_path):
    path = tmp_path / "m.pdmodel"
    for inputs, outputs in (([], [("y", [-1], "FP32")]), ([("x", [-1], "FP32")], [])):
        write_pdmodel(path, inputs, outputs)
        with pytest.raises(UserError, match="is no inference model: it has no inputs or no out"):
            graph_files.tensors(str(path))


def test_operators_of_a_program(write_pdmodel, tmp_path):
    path = tmp_path / "m.pdmodel"
    write_pdmodel(path, [("x", [-1], "FP32")], [("y", [-1], "FP32")], ["quantize_linear"])
    assert graph_files.operators(str(path)) == {"feed", "fetch", "quantize_linear"}


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
    assert graph_files.tensors(str(path)) == (
        [TensorSpec("ids", (None, 2), "int64"), TensorSpec("flags", (None,), "bool")],
        [TensorSpec("fetch_name_0", (None, 2), "float32")],
    )
    assert graph_files.operators(str(path)) == {"data", "softmax", "fetch"}


# Which files are a model


def fake(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.mark.parametrize(
    ("named", "there", "found"),
    [
        ("m.pdmodel", "m.json", "m.json"),
        ("m.json", "m.pdmodel", "m.pdmodel"),
        ("m.json", "m.json", "m.json"),
    ],
)
def test_a_graph_named_in_the_other_format_is_found(tmp_path, caplog, named, there, found):
    folder = fake(tmp_path / "m", there, "m.pdiparams")
    model = model_files.find(model_file=str(folder / named))
    assert model.graph == str(folder / found)
    assert model.parameters == str(folder / "m.pdiparams")
    notices = [record.getMessage() for record in caplog.records]
    expected = f"there is no {folder / named}: taking {folder / found}"
    assert notices == ([] if named == found else [expected])


def test_names_within_a_folder(tmp_path):
    folder = fake(tmp_path / "m", "a.json", "b.pdiparams")
    model = model_files.find(str(folder), "a.json", "b.pdiparams")
    assert (model.graph, model.parameters) == (str(folder / "a.json"), str(folder / "b.pdiparams"))


def test_a_checkpoints_json_is_no_model(tmp_path):
    folder = fake(tmp_path / "m", "rec.json", "rec.pdparams", "tostatic.json", "tostatic.pdiparams")
    assert model_files.find(str(folder)).graph == str(folder / "tostatic.json")


def test_tostatic_is_taken_before_rec_inference(tmp_path):
    names = [f"{name}.{end}" for name in ("rec_inference", "tostatic") for end in ("json", "pdi")]
    names = [name.replace("pdi", "pdiparams") for name in names]
    folder = fake(tmp_path / "m", *names)
    assert model_files.find(str(folder)).graph == str(folder / "tostatic.json")


@pytest.mark.parametrize(
    ("engine", "installed", "ending"),
    [
        ("paddle", True, "pdmodel"),
        ("onnxruntime", True, "onnx"),
        ("onnxruntime", False, "onnx"),
        (None, True, "onnx"),
        (None, False, "pdmodel"),
    ],
)
def test_the_format_depends_on_the_engine(tmp_path, monkeypatch, engine, installed, ending):
    folder = fake(tmp_path / "m", "m.pdmodel", "m.pdiparams", "m.onnx")
    monkeypatch.setattr(model_files, "_onnxruntime", lambda: installed)
    assert model_files.find(str(folder), engine=engine).graph == str(folder / f"m.{ending}")


@pytest.mark.parametrize(
    ("start", "engine", "end"),
    [
        ("m.onnx", "paddle", "m.pdmodel"),
        ("m.pdmodel", "onnxruntime", "m.onnx"),
        ("m.pdmodel", "paddle", "m.pdmodel"),
        ("alone.onnx", "paddle", "alone.onnx"),
    ],
)
def test_the_same_model_in_an_engines_format(tmp_path, start, engine, end):
    folder = fake(tmp_path / "m", "m.pdmodel", "m.pdiparams", "m.onnx", "alone.onnx")
    model = model_files.find(model_file=str(folder / start))
    assert model_files.in_format(model, engine).graph == str(folder / end)


# Batches for inputs

SPECS = [TensorSpec("x", (None, 2), "float32"), TensorSpec("ids", (None,), "int64")]


def test_leading_columns_become_inputs_of_the_right_kind():
    columns = [np.zeros([3, 4])[:, ::2], np.arange(3, dtype="int32"), np.ones([3, 1])]
    arrays = tensors.fit(SPECS, columns)
    assert [array.dtype for array in arrays] == ["float32", "int64"]
    assert all(array.flags.c_contiguous for array in arrays)
    assert arrays[1].tolist() == [0, 1, 2]


def test_a_fitting_column_is_not_copied():
    column = np.zeros([3, 2], "float32")
    assert np.shares_memory(tensors.fit(SPECS[:1], [column])[0], column)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([np.zeros([3, 2])], "the reader yields 1 fields a row, the model takes 2: x, ids"),
        ([np.zeros([3, 3]), np.zeros(3, int)], "input x: the model takes [2] numbers a row, "),
        ([np.zeros(3), np.zeros(3, int)], "input x: the model takes [2] numbers a row, "),
        (
            [np.zeros([3, 2]), np.zeros(3)],
            "input ids: the model takes int64, the reader yields float64",
        ),
        ([np.full([3, 2], "a"), np.zeros(3, int)], "input x: the model takes float32, the reader"),
        ([np.full([3, 2], None), np.zeros(3, int)], "input x: the model takes float32, the reader"),
    ],
)
def test_columns_that_do_not_fit(columns, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        tensors.fit(SPECS, columns)


def test_a_size_that_the_model_leaves_open_takes_any():
    spec = TensorSpec("x", (None, None, 2), "float32")
    assert tensors.fit([spec], [np.zeros([3, 5, 2])])[0].shape == (3, 5, 2)


# Tables


def test_a_csv_keeps_names_and_nine_digits(tmp_path):
    path = tmp_path / "new" / "folder" / "table.csv"
    values = np.array([1 / 3, 1e-12], "float32")
    predictions.write(str(path), {"income": values, "marital": np.array([0.0, 1.0])})
    lines = path.read_text().splitlines()
    assert lines[0] == "income,marital"
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    np.testing.assert_array_equal(table[:, 0].astype("float32"), values)


@pytest.mark.parametrize("ending", [".csv", ".npy"])
def test_a_table_is_written_whole_or_not_at_all(tmp_path, monkeypatch, ending):
    path = tmp_path / f"table{ending}"
    predictions.write(str(path), {"a": np.zeros(3)})
    before = path.read_bytes()

    def full(*arguments, **options):
        Path(arguments[0]).write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    monkeypatch.setattr(np, "savetxt", full)
    with pytest.raises(UserError, match=r"cannot write .*: No space left on device"):
        predictions.write(str(path), {"a": np.ones(3)})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


# Rows and passes


class Doubling:
    """A predictor that counts its batches; P(label = 1) is the row's number over 100."""

    def __init__(self, outputs=("a", "b")):
        self.engine, self.runtime = "none", {"device": "cpu"}
        self.inputs = [TensorSpec("x", (None, 1), "float32")]
        self.outputs = [TensorSpec(name, (None, 2), "float32") for name in outputs]
        self.sizes = []

    def run(self, arrays):
        (rows,) = arrays
        self.sizes.append(len(rows))
        positive = rows / 100
        both = np.concatenate([1 - positive, positive], axis=1)
        return [both + number for number in range(len(self.outputs))]


class Rows:
    """Rows 0 to 9 in batches of 4, with as many label columns as asked for."""

    def __init__(self, labels=2):
        self.labels = labels

    def batches(self, epoch):
        for start in (0, 4, 8):
            numbers = np.arange(start, min(start + 4, 10)).reshape(-1, 1)
            yield [numbers.astype("float32"), *[numbers % (2 + n) for n in range(self.labels)]]


def test_all_rows_once_and_in_order():
    result = passes.run(Doubling(), Rows(), None, 0, 1)
    np.testing.assert_allclose(result.predictions["a"], np.arange(10) / 100, atol=1e-6)
    np.testing.assert_allclose(result.predictions["b"], np.arange(10) / 100 + 1, atol=1e-6)
    np.testing.assert_array_equal(result.labels["a"], np.arange(10) % 2)
    np.testing.assert_array_equal(result.labels["b"], np.arange(10) % 3)


def test_warm_up_and_passes_are_counted():
    """Warming up goes round if the data are short; only the passes are timed."""
    runner = Doubling()
    result = passes.run(runner, Rows(), None, 5, 2)
    assert runner.sizes == [4, 4, 2, 4, 4] + 2 * [4, 4, 2]
    assert result.rows == 20
    assert {len(times) for times in result.milliseconds.values()} == {6}
    assert len(result.predictions["a"]) == 10
    seconds = sum(map(sum, result.milliseconds.values())) / 1e3
    assert result.rows_per_second == pytest.approx(20 / seconds)


@pytest.mark.parametrize(
    ("limit", "sizes"), [(1, [1]), (4, [4]), (6, [4, 2]), (10, [4, 4, 2]), (99, [4, 4, 2])]
)
def test_a_limit_ends_every_pass(limit, sizes):
    runner = Doubling()
    result = passes.run(runner, Rows(), limit, 0, 2)
    assert runner.sizes == 2 * sizes
    assert len(result.predictions["a"]) == len(result.labels["b"]) == sum(sizes)


def test_labels_go_by_their_tasks():
    result = passes.run(Doubling(["b"]), Rows(), None, 0, 1, ["a", "b"])
    assert list(result.predictions) == ["b"]
    np.testing.assert_array_equal(result.labels["b"], np.arange(10) % 3)


def test_a_reader_without_labels():
    assert passes.run(Doubling(), Rows(labels=0), None, 0, 1).labels == {}


def test_as_many_labels_as_tasks():
    with pytest.raises(UserError, match="yields 1 labels a row, the model has 2 tasks: a, b"):
        passes.run(Doubling(), Rows(labels=1), None, 0, 1)


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        ([6], ["a"]),
        ([6, 1], ["a"]),
        ([6, 2], ["a"]),
        ([6, 3], ["a_0", "a_1", "a_2"]),
        ([6, 2, 2], ["a_0", "a_1", "a_2", "a_3"]),
    ],
)
def test_columns_of_an_output(shape, names):
    """Of two classes the second counts; of three all do."""
    output = np.arange(np.prod(shape), dtype="float32").reshape(shape)
    columns = passes._columns(["a"], [passes.column_of(output)])
    assert list(columns) == names
    flat = output.reshape(6, -1)
    expected = flat[:, 1:] if shape == [6, 2] else flat
    np.testing.assert_array_equal(np.stack(list(columns.values()), axis=1), expected)


# Options and the report


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "tvm"}, "--engine tvm: expected one of paddle, onnxruntime"),
        ({"precision": "fp8"}, "--precision fp8: expected one of fp32, fp16, bf16, int8"),
        ({"cpu_threads": 0}, "--cpu_threads 0: expected at least 1"),
        ({"use_xpu": True, "use_npu": True}, "--use_xpu and --use_npu: a model runs on one device"),
    ],
)
def test_options_that_contradict(options, message):
    with pytest.raises(UserError) as caught:
        Options(**options)
    assert str(caught.value) == message


def test_the_reports_summary_of_known_times():
    found = benchmark_report._summary([float(number) for number in range(1, 102)])
    assert found == {"mean": 51.0, "p50": 51.0, "p90": 91.0, "p99": 100.0}
