"""Every model folder, export, engine and batch size gives the outputs of the trained net."""

import json
import re
from pathlib import Path

import numpy as np
import paddle
import pytest
from printed_metrics import assert_agree, expected_metrics, printed_metrics, read_columns

from engine.config.load import load_config
from engine.data import sources
from engine.deployment.exported_model import graph_files, metadata, model_files
from engine.deployment.exported_model.tensors import TensorSpec
from engine.deployment.predictors import opening, predictor
from engine.deployment.predictors.predictor import Options
from engine.model_folder import loading
from engine.system.errors import UserError

TOLERANCE = 1e-5

WAYS = [
    ("to_static", "paddle"),
    ("to_static", "onnxruntime"),
    ("static", "paddle"),
    ("static", "onnxruntime"),
    ("onnx", "onnxruntime"),
]

PADDLE_3 = int(paddle.__version__.split(".")[0]) > 2

GRAPH = "json" if PADDLE_3 else "pdmodel"

CLASSES = "hyper_parameters.class_num"


def batches(rows, size):
    """Yields row numbers in batches, the last one partial; few rows are repeated for a full one."""
    if rows < size:
        yield np.arange(rows)
        yield np.resize(np.arange(rows), size)
        return
    for start in range(0, rows, size):
        yield np.arange(start, min(start + size, rows))


@pytest.mark.parametrize(("how", "engine"), WAYS)
def test_every_row_is_predicted_as_the_net_does(folder, exports, eager, sample_rows, how, engine):
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("paddle2onnx")
    expected = eager(folder, "static" if how == "static" else "dygraph")
    runner = opening.open_predictor(exports(folder, how), Options(engine=engine))
    assert [spec.name for spec in runner.outputs] == list(expected)
    inputs = sample_rows(folder)
    rows = len(inputs[0])
    for size, limit in ((1, 40), (7, rows), (1024, rows)):
        for numbers in batches(min(limit, rows), size):
            outputs = runner.run([column[numbers] for column in inputs])
            for (name, ours), theirs in zip(expected.items(), outputs):
                assert (theirs.dtype, theirs.shape) == (ours.dtype, (len(numbers), ours.shape[1]))
                np.testing.assert_allclose(theirs, ours[numbers], 0, TOLERANCE, err_msg=name)


def test_paddle_does_not_run_an_onnx_file(folder, exports):
    model = exports(folder, "onnx")
    with pytest.raises(UserError) as caught:
        opening.open_predictor(model, Options(engine="paddle"))
    assert (
        str(caught.value) == f"--engine paddle cannot run {model.graph}; use --engine onnxruntime"
    )


@pytest.mark.parametrize("graph", ["dygraph", "static"])
def test_predictions_differ_between_rows_and_tasks(folder, eager, graph):
    """Otherwise the test above would prove nothing."""
    first, second, *_ = (output[:, 1] for output in eager(folder, graph).values())
    assert len(np.unique(first)) > 0.8 * len(first)
    assert np.abs(first - second).max() > 0.01


def declared(folder):
    """Returns the input of a folder's model, its tasks' names and the shape of an output."""
    config = load_config(str(folder / "config.yaml"), [], loading.hyper_parameters)
    (spec,) = loading.dygraph_model(config).input_specs(config)
    dtype = str(spec.dtype).rpartition(".")[2].lower().replace("fp32", "float32")
    shape = tuple(None if size < 0 else size for size in spec.shape)
    tasks = [task["name"] for task in config["hyper_parameters.tasks"]]
    return TensorSpec(spec.name, shape, dtype), tasks, (None, config.get(CLASSES, 2))


@pytest.mark.parametrize("how", ["to_static", "static", "onnx"])
def test_metadata_describe_the_model(folder, exports, trained, how):
    model = exports(folder, how)
    meta = Path(f"{model.prefix}.meta.json")
    about = json.loads(meta.read_text())
    graph = "static" if how == "static" else "dygraph"
    assert about["model"] == folder.name
    spec, tasks, shape = declared(folder)
    assert about["inputs"] == [{"name": spec.name, "shape": [*spec.shape], "dtype": spec.dtype}]
    output = {"shape": [*shape], "dtype": "float32"}
    assert about["outputs"] == [{"name": name, **output} for name in tasks]
    assert about["tasks"] == tasks
    assert about["paddle"] == paddle.__version__
    assert [task["name"] for task in about["hyper_parameters"]["tasks"]] == tasks
    formats = {name: entry["format"] for name, entry in about["files"].items()}
    prefix = "rec_inference" if how == "static" else "tostatic"
    expected = {
        f"{prefix}.{GRAPH}": "PIR of Paddle 3" if PADDLE_3 else "program of Paddle 2",
        f"{prefix}.pdiparams": "parameters",
    }
    if how == "onnx":
        expected["tostatic.onnx"] = "ONNX"
    assert formats == expected
    for name, entry in about["files"].items():
        assert entry["sha256"] == metadata.sha256(str(meta.parent / name))
    source = "rec_static.pdparams" if how == "static" else "rec.pdparams"
    checkpoint = Path(trained(folder, graph).runner("model_save_path")) / "0" / source
    run = about["source"].pop("of", None)  # static training exports before its facts are written
    assert run is None if how == "static" else re.fullmatch(r"run [0-9a-f]{8}, epoch 0", run)
    assert about["source"] == {
        "checkpoint": source,
        "sha256": metadata.sha256(str(checkpoint)),
    }


@pytest.mark.parametrize("how", ["to_static", "static"])
def test_the_graph_takes_any_number_of_rows(folder, exports, how):
    inputs, outputs = graph_files.read_tensors(exports(folder, how).graph)
    spec, tasks, shape = declared(folder)
    assert inputs == [spec]
    assert [(found.shape, found.dtype) for found in outputs] == [(shape, "float32")] * len(tasks)


def test_an_onnx_file_keeps_the_names_of_its_tensors(folder, exports, tmp_path):
    pytest.importorskip("onnxruntime")
    path = tmp_path / "alone.onnx"
    path.write_bytes(Path(exports(folder, "onnx").graph).read_bytes())
    runner = opening.open_predictor(model_files.find(model_file=str(path)), predictor.Options())
    spec, tasks, _ = declared(folder)
    assert runner.inputs == [spec]
    assert [found.name for found in runner.outputs] == tasks


def test_paddle_infer_prints_the_metrics_of_scikit_learn(folder, exports, run_command, tmp_path):
    """DSelect-k has ten classes; ESMM's cvr counts in clicked rows only."""
    yaml, path = folder / "config.yaml", tmp_path / "predictions.csv"
    model = f"--model_file={exports(folder, 'to_static').graph}"
    done = run_command("paddle_infer", "-m", yaml, model, f"--save_predictions={path}")
    assert done.code == 0, done.stderr
    config = load_config(str(yaml), [], loading.hyper_parameters)
    tasks = config["hyper_parameters.tasks"]
    blocks = list(sources.evaluation_source(config).blocks())
    columns = [np.concatenate(parts) for parts in zip(*blocks)][-len(tasks) :]
    labels = {task["name"]: column.ravel() for task, column in zip(tasks, columns)}
    saved, expected = read_columns(path), {}
    for task in tasks:
        name = task["name"]
        kept = labels[task["rows"]] == 1 if "rows" in task else slice(None)
        table = np.stack([v for k, v in saved.items() if re.fullmatch(rf"{name}(_\d+)?", k)], 1)
        values = table[kept] if table.shape[1] > 1 else table[kept, 0]
        expected[name] = expected_metrics(labels[name][kept], values)
    assert_agree(printed_metrics(done.stdout), expected)
