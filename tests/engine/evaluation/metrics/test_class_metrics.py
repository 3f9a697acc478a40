"""Metrics of predicted classes, compared with scikit-learn and with values computed by hand."""

import numpy as np
import pytest
from generated_rows import NAN, rows
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_score, recall_score

from engine.evaluation.metrics import classes


def test_log_loss_agrees_with_scikit_learn():
    labels, predictions = rows()
    assert classes.log_loss(labels, predictions) == pytest.approx(
        log_loss(labels, predictions), abs=1e-12
    )


def test_log_loss_of_several_classes_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    predictions = rng.dirichlet(np.ones(10), 500)
    labels = rng.integers(0, 10, 500)
    expected = log_loss(labels, predictions, labels=range(10))
    assert classes.log_loss(labels, predictions) == pytest.approx(expected, abs=1e-12)


def test_the_log_loss_of_a_wrong_prediction_of_1_is_finite():
    loss = classes.log_loss(np.array([0]), np.array([1.0], np.float32))
    assert loss == pytest.approx(-np.log(2.0**-23))


def test_the_most_probable_class_counts():
    predictions = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]])
    correct, confidence = classes.top_class(np.array([1, 2]), predictions)
    assert correct.tolist() == [1, 0]
    assert confidence.tolist() == [0.7, 0.5]
    assert classes.accuracy(np.array([1, 2]), predictions) == 0.5
    assert classes.accuracy(np.array([1, 0]), np.array([0.4, 0.3])) == 0.5


def test_a_nan_prediction_leaves_no_accuracy():
    assert classes.accuracy(np.array([0, 1]), np.array([np.nan, 0.9])) == NAN
    one_row_of_nan = np.array([[np.nan, np.nan], [0.1, 0.9]])
    assert classes.accuracy(np.array([0, 1]), one_row_of_nan) == NAN


@pytest.mark.parametrize("threshold", [0.5, 0.13, 0.9])
@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_at_a_threshold_agree_with_scikit_learn(threshold, weighted):
    """A prediction that is the threshold itself is a 0."""
    labels, predictions = rows(count=2000)
    assert (predictions == 0.13).any()
    weights = np.random.default_rng(1).exponential(size=2000) if weighted else None
    for ours, theirs in [
        (classes.accuracy, accuracy_score),
        (classes.precision, precision_score),
        (classes.recall, recall_score),
        (classes.f1, f1_score),
    ]:
        if theirs is precision_score and not (predictions > threshold).any():
            continue
        expected = theirs(labels, predictions > threshold, sample_weight=weights)
        found = ours(labels, predictions, weights, threshold)
        assert found == pytest.approx(expected, abs=1e-9), ours


def test_the_weighted_log_loss_and_accuracy_of_classes_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    labels, weights = rng.integers(0, 4, 500), rng.exponential(size=500)
    predictions = rng.dirichlet(np.ones(4), 500)
    expected = log_loss(labels, predictions, sample_weight=weights)
    assert classes.log_loss(labels, predictions, weights) == pytest.approx(expected, abs=1e-9)
    top = predictions.argmax(axis=1)
    expected = accuracy_score(labels, top, sample_weight=weights)
    assert classes.accuracy(labels, predictions, weights) == pytest.approx(expected, abs=1e-9)


def test_the_normalized_entropy_is_1_for_the_rates_themselves():
    labels = np.array([0, 0, 0, 1])
    assert classes.normalized_entropy(labels, np.full(4, 0.25)) == pytest.approx(1.0, abs=1e-12)
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    predictions = np.array([0.1, 0.2, 0.3, 0.6])
    by_hand = -np.log([0.9, 0.8, 0.7, 0.6]).mean() / entropy
    assert classes.normalized_entropy(labels, predictions) == pytest.approx(by_hand, abs=1e-12)
    three = np.array([0, 1, 1, 2])
    rates = np.tile([0.25, 0.5, 0.25], (4, 1))
    assert classes.normalized_entropy(three, rates) == pytest.approx(1.0, abs=1e-12)
    weights = np.array([1, 1, 1, 3])  # half of the weight is positive
    found = classes.normalized_entropy(labels, np.full(4, 0.5), weights)
    assert found == pytest.approx(1.0, abs=1e-12)
    assert classes.normalized_entropy(np.zeros(3, int), np.full(3, 0.2)) == NAN


def test_what_has_no_denominator_is_undefined():
    nothing, low = np.zeros(0, int), np.array([0.1, 0.2])
    for metric in (classes.precision, classes.recall, classes.f1, classes.accuracy):
        assert metric(nothing, np.zeros(0)) == NAN
        assert metric(np.array([0, 1]), np.array([np.nan, 0.9])) == NAN
        assert metric(np.array([0, 1]), low, np.zeros(2)) == NAN
    assert classes.precision(np.array([0, 1]), low) == NAN  # nothing is predicted 1
    assert classes.recall(np.array([0, 0]), low) == NAN
    assert classes.recall(np.array([0, 1]), low) == classes.f1(np.array([0, 1]), low) == 0.0
