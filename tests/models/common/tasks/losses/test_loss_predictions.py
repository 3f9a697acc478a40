"""What logits predict: probabilities, means, odds, quantiles; computed by hand and with SciPy."""

import numpy as np
import paddle
import pytest
from scipy import special, stats

from models.common.tasks.losses import registry

ORDINAL = {"name": "ordinal", "thresholds": [0.5, 2.0, 4.0]}


def predicted(given, logits, kind="regression", classes=2):
    loss = registry.create(kind, classes, given)
    return loss.prediction(paddle.to_tensor(np.array(logits, np.float64))).numpy()


def test_predictions_are_means_odds_quantiles_and_probabilities():
    probabilities = predicted("focal", [[0.0, np.log(3)]], "binary")
    np.testing.assert_allclose(probabilities, [[0.25, 0.75]], atol=1e-9)
    probabilities = predicted(None, np.log([[1.0, 2, 5]]), "multiclass", 3)
    np.testing.assert_allclose(probabilities, [[0.125, 0.25, 0.625]], atol=1e-9)
    quantile = {"name": "quantile", "quantile": 0.9}
    for given in ("squared", "absolute", "huber", "log_cosh", quantile):
        assert predicted(given, [[-1.5]]).tolist() == [[-1.5]]
    np.testing.assert_allclose(predicted(None, [[np.log(4)]], "count"), [[4.0]], rtol=1e-12)
    np.testing.assert_allclose(predicted("weighted_logistic", [[np.log(7)]]), [[7.0]], rtol=1e-12)


def test_the_zero_inflated_lognormals_prediction_is_its_mean():
    sigma = 0.8
    logits = [[np.log(3), 1.2, np.log(np.expm1(sigma))]]  # P(y > 0) = 3/4
    expected = 0.75 * stats.lognorm.mean(s=sigma, scale=np.exp(1.2))
    np.testing.assert_allclose(predicted("ziln", logits), [[expected]], rtol=1e-9)


def test_the_ordinal_prediction_is_the_mean_of_the_bins_middles():
    # P(y > 0.5), P(y > 2), P(y > 4): bins of probabilities 1/4, 1/4, 3/10, 1/5.
    logits = [special.logit([0.75, 0.5, 0.2])]
    expected = 0.25 * 0.25 + 0.25 * 1.25 + 0.3 * 3.0 + 0.2 * 4.0
    np.testing.assert_allclose(predicted(ORDINAL, logits), [[expected]], rtol=1e-9)


class Predictions(paddle.nn.Layer):
    """The predictions of several losses, side by side."""

    def __init__(self, losses):
        super().__init__()
        self.losses, self.sizes = losses, [loss.size for loss in losses]

    def forward(self, logits):
        parts = paddle.split(logits, self.sizes, axis=1)
        predicted = [loss.prediction(part) for loss, part in zip(self.losses, parts)]
        return paddle.concat(predicted, axis=1)


def test_predictions_are_converted_to_onnx(tmp_path):
    pytest.importorskip("paddle2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    given = ["squared", "ziln", "weighted_logistic", ORDINAL]
    losses = [registry.create("regression", 2, each) for each in given]
    net = Predictions([*losses, registry.create("count", 2), registry.create("binary", 2)])
    net.eval()
    spec = paddle.static.InputSpec([None, sum(net.sizes)], "float32", "logits")
    paddle.onnx.export(net, str(tmp_path / "net"), input_spec=[spec], opset_version=17)
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    logits = np.random.default_rng(8).normal(0, 2, [5, sum(net.sizes)]).astype(np.float32)
    (found,) = session.run(None, {session.get_inputs()[0].name: logits})
    np.testing.assert_allclose(found, net(paddle.to_tensor(logits)).numpy(), rtol=1e-5)
