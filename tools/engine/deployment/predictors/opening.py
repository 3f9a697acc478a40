"""Opens a predictor for an exported model."""

from __future__ import annotations

import importlib.util

from engine.deployment.exported_model.model import ExportedModel
from engine.deployment.predictors.predictor import Options, Predictor
from engine.system.errors import UserError


def open_predictor(model: ExportedModel, options: Options) -> Predictor:
    """Returns a predictor for an exported model.

    The onnxruntime engine converts a model in Paddle's format first.

    Raises:
        UserError: this Paddle, this machine or the model does not support an option, or the model
            cannot be read.
    """
    engine = options.engine or ("onnxruntime" if model.is_onnx else "paddle")
    if engine == "paddle":
        if model.is_onnx:
            raise UserError(f"--engine paddle cannot run {model.graph}; use --engine onnxruntime")
        if not importlib.util.find_spec("paddle"):
            raise UserError(
                f"{model.graph} needs Paddle: pip install -r requirements.txt, "
                "or export with --format onnx"
            )
        from engine.deployment.predictors.paddle_predictor import PaddlePredictor

        return PaddlePredictor(model, options)
    from engine.deployment.predictors.onnx_predictor import OnnxPredictor

    return OnnxPredictor(model, options)
