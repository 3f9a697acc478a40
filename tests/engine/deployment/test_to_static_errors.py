"""Invalid input ends to_static.py with exit code 2 and an error of one line."""

import re
import shutil
import sys
from pathlib import Path

import paddle
import pytest

from engine.deployment.export import output_check
from engine.model_folder import loading

FOLDER = Path(loading.REPOSITORY) / "models" / "multitask" / "share_bottom"

PADDLE_3 = int(paddle.__version__.split(".")[0]) > 2

GRAPH = "json" if PADDLE_3 else "pdmodel"


@pytest.fixture
def to_static(refusal, trained, tmp_path):
    """Runs to_static.py on the trained share_bottom; returns its error."""

    def run(*options, **runner):
        values = {
            "model_save_path": tmp_path / "target",
            "infer_load_path": trained(FOLDER, "dygraph").runner("model_save_path"),
            "infer_end_epoch": 1,
            **runner,
        }
        overrides = [f"runner.{name}={value}" for name, value in values.items()]
        return refusal("to_static", "-m", FOLDER / "config.yaml", *options, "-o", *overrides)

    return run


def test_no_checkpoint_to_export(to_static, trained):
    root = trained(FOLDER, "dygraph").runner("model_save_path")
    assert to_static(infer_end_epoch=8) == (
        f"error: there is no checkpoint {root}/7 (runner.infer_end_epoch = 8)"
    )


def test_no_such_folder_to_export(to_static, elsewhere):
    assert to_static(model_init_path="missing") == (
        f"error: -o: runner.model_init_path = 'missing': there is no folder {elsewhere / 'missing'}"
    )


def test_a_folder_without_a_checkpoint(to_static, elsewhere):
    assert to_static(model_init_path=elsewhere) == (
        f"error: there is no checkpoint {elsewhere}/rec.pdparams"
    )


def test_a_checkpoint_of_another_shape(to_static, trained):
    root = trained(FOLDER, "dygraph").runner("model_save_path")
    error = to_static("-o", "hyper_parameters.bottom_size=7")
    assert error == (
        f"error: checkpoint {root}/0 was trained with hyper_parameters.bottom_size 117; "
        f"{FOLDER / 'config.yaml'} has 7; use the values of the checkpoint, or train again"
    )


def test_a_damaged_checkpoint(to_static, trained, tmp_path):
    root = tmp_path / "checkpoints"
    shutil.copytree(trained(FOLDER, "dygraph").runner("model_save_path"), root)
    path = root / "0" / "rec.pdparams"
    path.write_bytes(path.read_bytes()[:1000])
    error = to_static(infer_load_path=root)
    assert error.startswith(f"error: {path} is damaged: ")


@pytest.mark.parametrize("place", ["file", "file/below", "root"])
def test_a_target_that_cannot_be_written(to_static, tmp_path, place):
    (tmp_path / "file").write_text("")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "0").write_text("no folder")  # where the epoch's would be
    error = to_static(model_save_path=tmp_path / place)
    obstacle = tmp_path / ("root/0" if place == "root" else "file")
    assert error.startswith(f"error: cannot save to {tmp_path / place}")
    assert error.endswith(f": {obstacle} is not a folder")


def test_a_full_disk(to_static, monkeypatch):
    def full(layer, path, **options):
        Path(f"{path}.pdiparams").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(paddle.jit, "save", full)
    error = to_static()
    assert error.startswith("error: cannot write ")
    assert error.endswith(": No space left on device")


@pytest.mark.parametrize("absent", ["paddle2onnx", "onnx"])
def test_onnx_export_without_its_packages(to_static, monkeypatch, absent):
    monkeypatch.setitem(sys.modules, absent, None)
    assert re.match(r"error: ONNX export needs .*: pip install ", to_static("--format=onnx"))


def test_an_unknown_format(to_static):
    assert to_static("--format=tflite").startswith(
        "error: argument --format: invalid choice: 'tflite'"
    )


def test_an_export_that_differs_from_the_net_is_not_written(to_static, monkeypatch):
    monkeypatch.setattr(output_check, "TOLERANCE", -1.0)
    error = to_static()
    assert error.startswith(f"error: tostatic.{GRAPH}: output income differs from the net by ")
    assert error.endswith("; nothing was exported")


def test_a_failed_export_keeps_the_older_one(to_static, model, tmp_path, monkeypatch):
    shutil.copytree(model, tmp_path / "target" / "0")
    before = {path.name: path.read_bytes() for path in (tmp_path / "target" / "0").iterdir()}
    monkeypatch.setattr(output_check, "TOLERANCE", -1.0)
    to_static()
    after = {path.name: path.read_bytes() for path in (tmp_path / "target" / "0").iterdir()}
    assert after == before
