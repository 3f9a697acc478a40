"""Which files in a folder are an exported model."""

import pytest

from engine.deployment.exported_model import model_files


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
    expected = f"there is no {folder / named}; using {folder / found}"
    assert notices == ([] if named == found else [expected])


def test_names_within_a_folder(tmp_path):
    folder = fake(tmp_path / "m", "a.json", "b.pdiparams")
    model = model_files.find(str(folder), "a.json", "b.pdiparams")
    assert (model.graph, model.parameters) == (str(folder / "a.json"), str(folder / "b.pdiparams"))


def test_the_json_of_a_checkpoint_is_not_a_model(tmp_path):
    folder = fake(tmp_path / "m", "rec.json", "rec.pdparams", "tostatic.json", "tostatic.pdiparams")
    assert model_files.find(str(folder)).graph == str(folder / "tostatic.json")


def test_tostatic_is_preferred_to_rec_inference(tmp_path):
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
    monkeypatch.setattr(model_files, "_has_onnxruntime", lambda: installed)
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
def test_the_model_in_the_format_of_an_engine(tmp_path, start, engine, end):
    folder = fake(tmp_path / "m", "m.pdmodel", "m.pdiparams", "m.onnx", "alone.onnx")
    model = model_files.find(model_file=str(folder / start))
    assert model_files.find_for_engine(model, engine).graph == str(folder / end)
