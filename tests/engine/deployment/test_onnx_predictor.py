"""ONNX Runtime on a GPU, with a stand-in for its session."""

import types

import pytest

from engine.deployment.exported_model.model import ExportedModel
from engine.deployment.predictors import opening
from engine.deployment.predictors.predictor import Options
from engine.system.errors import UserError


@pytest.mark.parametrize("starts", [True, False])
def test_onnx_runtime_on_a_gpu(monkeypatch, tmp_path, starts):
    onnxruntime = pytest.importorskip("onnxruntime")
    cuda, used = "CUDAExecutionProvider", []

    class Session:
        def __init__(self, content, settings, providers):
            used.append(providers)

        def get_providers(self):
            return [cuda, "CPUExecutionProvider"] if starts else ["CPUExecutionProvider"]

        def get_inputs(self):
            return [types.SimpleNamespace(name="input", type="tensor(float)", shape=["batch", 3])]

        def get_outputs(self):
            return [types.SimpleNamespace(name="out", type="tensor(int64)", shape=[None])]

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [cuda])
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    model = ExportedModel(str(tmp_path / "m.onnx"), None)
    if not starts:
        with pytest.raises(UserError, match="CUDAExecutionProvider did not start, so ONNX Runtime"):
            opening.open_predictor(model, Options(use_gpu=True))
        return
    runner = opening.open_predictor(model, Options(use_gpu=True))
    assert used == [[cuda]]
    assert runner.runtime["device"] == "gpu"
    assert [(spec.shape, spec.dtype) for spec in runner.inputs] == [((None, 3), "float32")]
    assert [(spec.shape, spec.dtype) for spec in runner.outputs] == [((None,), "int64")]
