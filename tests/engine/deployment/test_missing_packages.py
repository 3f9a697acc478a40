"""Errors about optional packages that are not installed."""

import re
import sys
from pathlib import Path

import pytest

from engine.deployment.exported_model import model_files
from engine.deployment.predictors import opening, predictor
from engine.model_folder import loading
from engine.system.errors import UserError

FOLDER = Path(loading.REPOSITORY) / "models" / "multitask" / "share_bottom"


@pytest.mark.parametrize("absent", ["onnxruntime", "paddle2onnx", "onnx"])
def test_a_missing_package(infer_error, monkeypatch, absent):
    pytest.importorskip("onnxruntime")
    monkeypatch.setitem(sys.modules, absent, None)
    error = infer_error("--engine=onnxruntime")
    assert re.match(r"error: (--engine onnxruntime|ONNX export) needs .*: pip install ", error)


def test_an_onnx_file_without_onnx_runtime(infer_error, exports, monkeypatch):
    model = exports(FOLDER, "onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert infer_error(model_file=model.graph) == (
        "error: --engine onnxruntime needs ONNX Runtime: pip install -r requirements-deploy.txt"
    )


def test_a_parquet_file_without_pyarrow(infer_error, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    error = infer_error("--save_predictions=out.parquet")
    assert error.startswith(
        "error: out.parquet needs pyarrow: pip install -r requirements-deploy.txt"
    )


def test_a_model_of_paddles_format_without_paddle(model, monkeypatch):
    found = model_files.find(str(model))
    monkeypatch.setitem(sys.modules, "paddle", None)
    with pytest.raises(UserError, match=r"tostatic\.\w+ needs Paddle: pip install -r require"):
        opening.open_predictor(found, predictor.Options())
