"""Metrics of predicted numbers, compared with scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from engine.evaluation.metrics import regression

NAN = pytest.approx(float("nan"), nan_ok=True)
PAIRS = [
    (regression.mae, sklearn_metrics.mean_absolute_error),
    (regression.rmse, sklearn_metrics.root_mean_squared_error),
    (regression.r2, sklearn_metrics.r2_score),
    (regression.poisson_deviance, sklearn_metrics.mean_poisson_deviance),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda metric: metric.__name__)
def test_a_metric_agrees_with_scikit_learn(ours, theirs):
    rng = np.random.default_rng(0)
    predictions = rng.exponential(3.0, 700).astype(np.float32)
    labels = rng.poisson(predictions).astype(np.float32)  # some are 0
    weights = np.maximum(0.0, rng.normal(size=700))
    for weight in (None, weights):
        wide = [array.astype(np.float64) for array in (labels, predictions)]
        expected = theirs(*wide, sample_weight=weight)
        assert ours(labels, predictions, weight) == pytest.approx(expected, abs=1e-9)


def test_what_is_undefined_is_nan():
    numbers = np.array([1.0, 2.0])
    for ours, _ in PAIRS:
        assert ours(np.zeros(0), np.zeros(0)) == NAN
        assert ours(numbers, np.array([np.nan, 1.0])) == NAN
        assert ours(numbers, numbers, np.zeros(2)) == NAN
    assert regression.r2(np.full(3, 0.1), np.array([0.1, 0.2, 0.3])) == NAN
    assert regression.poisson_deviance(np.array([-1.0]), np.array([1.0])) == NAN
    assert regression.poisson_deviance(np.array([1.0]), np.array([0.0])) == NAN
