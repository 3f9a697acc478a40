"""Files of an exported model that are damaged or belong to another model."""

import json
import os
import shutil
from pathlib import Path

import paddle
import pytest

from engine.deployment.exported_model import graph_files, model_files
from engine.deployment.predictors import paddle_predictor, predictor
from engine.model_folder import loading
from engine.system.errors import UserError

FOLDER = Path(loading.REPOSITORY) / "models" / "multitask" / "share_bottom"

PADDLE_3 = int(paddle.__version__.split(".")[0]) > 2

GRAPH = "json" if PADDLE_3 else "pdmodel"


def garbage(content):
    return bytes(range(256)) * 8


def text(content):
    return b"this is no model"


def truncated(content):
    return content[: len(content) * 2 // 3]


def empty(content):
    return b""


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


DAMAGES = [garbage, text, truncated, empty]


def damage(path, change):
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize("engine", predictor.ENGINES)
@pytest.mark.parametrize("change", DAMAGES)
@pytest.mark.parametrize("ending", [GRAPH, "pdiparams"])
def test_a_damaged_file_without_metadata(infer_error, model, ending, change, engine):
    """Some of these would crash the process in Paddle 2.6 or paddle2onnx."""
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("paddle2onnx")
    (model / "tostatic.meta.json").unlink()
    damage(model / f"tostatic.{ending}", change)
    error = infer_error(f"--engine={engine}")
    place = f"error: {model}/tostatic.{GRAPH} "
    said = "is not a readable Paddle model: " if ending == GRAPH else "cannot be loaded: "
    assert error.startswith(place + said)
    assert len(error) > len(place + said)


@pytest.mark.parametrize("change", [flipped, *DAMAGES])
@pytest.mark.parametrize("ending", [GRAPH, "pdiparams", "onnx"])
def test_a_damaged_file_with_metadata(infer_error, exported_copy, model, ending, change):
    """Paddle itself would load many of these without an error."""
    if ending == "onnx":
        model = exported_copy(FOLDER, "onnx")
    path = model / f"tostatic.{ending}"
    damage(path, change)
    error = infer_error(model_file=path if ending == "onnx" else model / f"tostatic.{GRAPH}")
    assert error == (
        f"error: {path} does not have the SHA-256 in tostatic.meta.json: the file is damaged or "
        "belongs to another model; export the model again"
    )


@pytest.mark.parametrize("change", DAMAGES)
def test_a_damaged_onnx_file(infer_error, exported_copy, change):
    pytest.importorskip("onnxruntime")
    model = exported_copy(FOLDER, "onnx")
    (model / "tostatic.meta.json").unlink()
    damage(model / "tostatic.onnx", change)
    error = infer_error(model_file=model / "tostatic.onnx")
    assert error.startswith(f"error: {model}/tostatic.onnx cannot be loaded: ")


@pytest.mark.parametrize("change", [*DAMAGES, lambda content: b"[]", lambda content: b"{}"])
def test_damaged_metadata(infer_error, model, change):
    damage(model / "tostatic.meta.json", change)
    assert infer_error().startswith(f"error: {model}/tostatic.meta.json is damaged (")


@pytest.mark.parametrize("content", ["[]", "{}", '{"program": {}}', '{"program": []}'])
def test_a_json_file_that_is_not_a_graph(model, content):
    path = model / "other.json"
    path.write_text(content)
    with pytest.raises(UserError, match="is not a readable Paddle model"):
        graph_files.read_tensors(str(path))


def test_parameters_of_another_model(infer_error, model, exports, tmp_path):
    other = exports(FOLDER.parent / "mmoe", "to_static").parameters
    for name in ("tostatic.pdiparams", "other.pdiparams"):
        path = tmp_path / name
        shutil.copy(other, path)
        assert infer_error(params_file=path) == (
            f"error: {path} does not have the SHA-256 in tostatic.meta.json: the file is damaged "
            "or belongs to another model; export the model again"
        )


def test_a_renamed_parameter_file_is_accepted(model, tmp_path):
    path = tmp_path / "other.pdiparams"
    shutil.copy(model / "tostatic.pdiparams", path)
    found = model_files.find(model_file=str(model / f"tostatic.{GRAPH}"), params_file=str(path))
    assert found.parameters == str(path)


def test_parameters_for_an_onnx_file(infer_error, exported_copy, model):
    path = exported_copy(FOLDER, "onnx") / "tostatic.onnx"
    parameters = model / "tostatic.pdiparams"
    assert infer_error(model_file=path, params_file=parameters) == (
        f"error: --params_file {parameters}: {path} includes its parameters; "
        "leave out --params_file"
    )


@pytest.mark.parametrize("engine", predictor.ENGINES)
def test_a_model_of_paddle_3_on_paddle_2(infer_error, model, monkeypatch, engine):
    """Loading it would be a segmentation fault."""
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("paddle2onnx")
    monkeypatch.setattr(paddle_predictor, "_PADDLE_3", False)
    path = model / "tostatic.json"
    if not PADDLE_3:
        os.rename(model / "tostatic.pdmodel", path)
        (model / "tostatic.meta.json").unlink()
    assert infer_error(f"--engine={engine}", model_file=path) == (
        f"error: {path} was exported by Paddle 3, but this is Paddle {paddle.__version__}; "
        "export the model again here, or install Paddle 3"
    )


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"type": "ordinal"}, "ValueError: task_facts: income: type 'ordinal', expected one of "),
        ({"type": "regression"}, "ValueError: task_facts: income: regression, but its output has "),
        (
            {"type": "multiclass", "class_num": 2, "classes": ["a"]},
            r"ValueError: task_facts: income: classes ['a'], expected 2 names",
        ),
        ({"type": "multiclass", "class_num": 3}, "ValueError: task_facts: income: multiclass, but"),
        ({}, "KeyError: 'type'"),
    ],
)
def test_facts_of_tasks_that_cannot_be_right(infer_error, model, facts, reason):
    path = model / "tostatic.meta.json"
    metadata = json.loads(path.read_text())
    path.write_text(json.dumps({**metadata, "task_facts": [{"name": "income", **facts}]}))
    assert infer_error().startswith(f"error: {path} is damaged ({reason}")
