"""Exact metrics, compared with scikit-learn and with values computed by hand."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from engine.evaluation import exact_metrics, task_metrics

NAN = pytest.approx(float("nan"), nan_ok=True)


def rows(count=5000, seed=0, rate=0.2):
    rng = np.random.default_rng(seed)
    labels = (rng.random(count) < rate).astype(np.int64)
    predictions = np.clip(rng.normal(0.2 + 0.2 * labels, 0.15), 0.001, 0.999)
    return labels, np.round(predictions, 2)  # rounded, so that there are ties


def test_auc_with_ties_agrees_with_scikit_learn():
    labels, predictions = rows()
    assert exact_metrics.auc(labels, predictions) == pytest.approx(
        roc_auc_score(labels, predictions), abs=1e-12
    )


def test_auc_by_hand():
    # Of the pairs (0.3, 0.1), (0.3, 0.3), (0.9, 0.1), (0.9, 0.3) three are in order, one is a tie.
    labels, predictions = np.array([0, 1, 0, 1]), np.array([0.1, 0.3, 0.3, 0.9])
    assert exact_metrics.auc(labels, predictions) == 3.5 / 4


@pytest.mark.parametrize("label", [0, 1])
def test_one_label_has_no_auc(label):
    assert exact_metrics.auc(np.full(3, label), np.array([0.1, 0.2, 0.3])) == NAN
    assert exact_metrics.auc(np.zeros(0, int), np.zeros(0)) == NAN


def test_a_nan_prediction_leaves_no_auc():
    assert exact_metrics.auc(np.array([0, 1]), np.array([0.5, np.nan])) == NAN


def test_gauc_by_hand():
    groups = np.array([7, 7, 7, 3, 3, 5, 5, -1, -1])
    labels = np.array([1, 0, 0, 0, 1, 1, 1, 1, 0])
    predictions = np.array([0.5, 0.4, 0.6, 0.2, 0.1, 0.9, 0.8, 0.9, 0.1])
    # Group 7: one of two pairs, weight 3; group 3: none of one, weight 2; 5 has one label alone.
    found = exact_metrics.grouped_auc(labels, predictions, groups)
    assert found == (pytest.approx((3 * 0.5 + 2 * 0.0) / 5), 2, 5)


def test_gauc_is_the_weighted_mean_of_aucs_by_scikit_learn():
    labels, predictions = rows()
    groups = np.random.default_rng(1).integers(0, 400, len(labels))
    aucs, weights = [], []
    for group in range(400):
        own = groups == group
        if 0 < labels[own].sum() < own.sum():
            aucs.append(roc_auc_score(labels[own], predictions[own]))
            weights.append(own.sum())
    found = exact_metrics.grouped_auc(labels, predictions, groups)
    assert found.value == pytest.approx(np.average(aucs, weights=weights), abs=1e-12)
    assert (found.groups, found.rows) == (len(aucs), sum(weights))


def test_groups_of_one_label_have_no_gauc():
    assert exact_metrics.grouped_auc(np.array([0, 1]), np.ones(2), np.array([0, 1])) == (NAN, 0, 0)


def test_log_loss_agrees_with_scikit_learn():
    labels, predictions = rows()
    assert exact_metrics.log_loss(labels, predictions) == pytest.approx(
        log_loss(labels, predictions), abs=1e-12
    )


def test_log_loss_of_several_classes_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    predictions = rng.dirichlet(np.ones(10), 500)
    labels = rng.integers(0, 10, 500)
    expected = log_loss(labels, predictions, labels=range(10))
    assert exact_metrics.log_loss(labels, predictions) == pytest.approx(expected, abs=1e-12)


def test_the_log_loss_of_a_wrong_prediction_of_1_is_finite():
    loss = exact_metrics.log_loss(np.array([0]), np.array([1.0], np.float32))
    assert loss == pytest.approx(-np.log(2.0**-23))


def test_calibration_is_the_ratio_of_the_means():
    labels = np.array([1, 0, 0, 0])
    assert exact_metrics.calibration(labels, np.array([0.5, 0.3, 0.1, 0.1])) == pytest.approx(1.0)
    assert exact_metrics.calibration(labels, np.full(4, 0.5)) == pytest.approx(2.0)
    assert exact_metrics.calibration(np.zeros(4, int), np.full(4, 0.5)) == NAN


def test_reliability_by_hand():
    predictions = np.array([0.9, 0.1, 0.2, 0.8])
    bins = exact_metrics.reliability(np.array([1, 0, 1, 1]), predictions, 2)
    np.testing.assert_allclose(bins.predicted, [0.15, 0.85])
    np.testing.assert_allclose(bins.observed, [0.5, 1.0])
    np.testing.assert_array_equal(bins.rows, [2, 2])
    assert bins.error == pytest.approx(0.5 * 0.35 + 0.5 * 0.15)


def test_bins_have_about_equal_size_and_contain_all_rows():
    labels, predictions = rows(count=10_007)
    noisy = predictions + 1e-6 * np.random.default_rng(2).random(len(labels))
    bins = exact_metrics.reliability(labels, noisy, 20)
    assert bins.rows.sum() == 10_007
    assert len(bins.rows) == 20
    assert bins.rows.max() - bins.rows.min() <= 2
    assert (np.diff(bins.predicted) > 0).all()


def test_equal_predictions_share_a_bin_whatever_the_order_of_rows():
    labels = np.array([0] * 50 + [1] * 50)
    bins = exact_metrics.reliability(labels, np.full(100, 0.5), 10)
    assert [list(part) for part in bins] == [[0.5], [0.5], [100]]
    assert bins.error == 0.0
    shuffled = np.random.default_rng(0).permutation(100)
    again = exact_metrics.reliability(labels[shuffled], np.full(100, 0.5), 10)
    assert again.error == 0.0


@pytest.mark.parametrize(
    ("predictions", "bins", "expected"),
    [
        ([0.1] * 3 + [0.9], 2, [(0.1, 3), (0.9, 1)]),
        ([0.1] + [0.9] * 3, 2, [(0.1, 1), (0.9, 3)]),
        ([0.1] * 97 + [0.9] * 3, 20, [(0.1, 97), (0.9, 3)]),
        ([0.1] + [0.5] * 97 + [0.9] * 2, 20, [(0.1, 1), (0.5, 97), (0.9, 2)]),
        ([0.2, 0.5, 0.5, 0.5, 0.8, 0.9], 2, [(1.7 / 4, 4), (0.85, 2)]),  # after is nearer
        ([0.2, 0.3, 0.5, 0.5, 0.5, 0.9], 2, [(0.25, 2), (0.6, 4)]),  # before is nearer
        ([0.3, 0.4], 5, [(0.3, 1), (0.4, 1)]),
    ],
)
def test_bins_end_beside_equal_predictions(predictions, bins, expected):
    order = np.random.default_rng(0).permutation(len(predictions))
    found = exact_metrics.reliability(np.zeros(len(order), int), np.array(predictions)[order], bins)
    np.testing.assert_allclose(found.predicted, [mean for mean, _ in expected])
    np.testing.assert_array_equal(found.rows, [rows for _, rows in expected])


def test_opposite_errors_beside_equal_predictions_do_not_cancel():
    predictions = np.array([0.25] * 96 + [0.75] * 4)
    labels = np.array([1] * 27 + [0] * 73)  # as many as predicted, of the wrong rows
    error = exact_metrics.reliability(labels, predictions, 20).error
    assert error == pytest.approx(0.96 * (27 / 96 - 0.25) + 0.04 * 0.75)


def test_the_error_of_a_calibrated_and_of_a_shifted_model():
    rng = np.random.default_rng(0)
    truth = rng.random(200_000)
    labels = (rng.random(200_000) < truth).astype(int)
    assert exact_metrics.reliability(labels, truth, 20).error < 0.01
    shifted = exact_metrics.reliability(labels, truth * 0.8 + 0.2, 20).error
    assert shifted == pytest.approx(0.1, abs=0.01)  # 0.2 at 0, nothing at 1


def test_no_rows_have_no_calibration_error():
    assert exact_metrics.reliability(np.zeros(0, int), np.zeros(0), 10).error == NAN


def test_the_most_probable_class_counts():
    predictions = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]])
    correct, confidence = exact_metrics.top_class(np.array([1, 2]), predictions)
    assert correct.tolist() == [1, 0]
    assert confidence.tolist() == [0.7, 0.5]
    assert exact_metrics.accuracy(np.array([1, 2]), predictions) == 0.5
    assert exact_metrics.accuracy(np.array([1, 0]), np.array([0.4, 0.3])) == 0.5


def test_a_nan_prediction_leaves_no_accuracy():
    assert exact_metrics.accuracy(np.array([0, 1]), np.array([np.nan, 0.9])) == NAN
    one_row_of_nan = np.array([[np.nan, np.nan], [0.1, 0.9]])
    assert exact_metrics.accuracy(np.array([0, 1]), one_row_of_nan) == NAN


# A task's summary, as paddle_infer.py prints it


def test_a_summary_agrees_with_scikit_learn():
    random = np.random.default_rng(0)
    guess = random.random(500, dtype="float32")
    truth = (random.random(500) < guess).astype(int)
    found = exact_metrics.summary(truth, guess)
    assert found["auc"] == pytest.approx(roc_auc_score(truth, guess), abs=1e-12)
    expected = log_loss(truth, guess.astype("float64"))
    assert found["log loss"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("label", [0, 1])
def test_labels_of_one_class_have_a_log_loss_and_no_auc(label):
    found = exact_metrics.summary(np.full(3, label), np.full(3, 0.25))
    assert np.isnan(found["auc"])
    assert found["log loss"] == pytest.approx(-np.log(0.25 if label else 0.75))


def test_labels_of_other_tasks_have_no_summary():
    assert exact_metrics.summary(np.array([5, 3]), np.array([0.1, 0.9])) == {}
    assert exact_metrics.summary(np.array([0, 1]), None) == {}
    assert exact_metrics.summary(np.array([-1, -1]), np.array([0.1, 0.9])) == {}


def test_rows_that_do_not_count_are_left_out():
    random = np.random.default_rng(0)
    guess = random.random(500)
    labels = {name: random.integers(0, 2, 500) for name in ("click", "conversion")}
    counted = task_metrics.counting_labels(labels, {"conversion": "click"})
    found = exact_metrics.summary(counted["conversion"], guess)
    clicked = labels["click"] == 1
    expected = roc_auc_score(labels["conversion"][clicked], guess[clicked])
    assert found["auc"] == pytest.approx(expected, abs=1e-12)


def test_several_classes_have_an_accuracy():
    chances = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.1, 0.8, 0.1]])
    found = exact_metrics.summary(np.array([0, 2, 2]), chances)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["log loss"] == pytest.approx(-np.log([0.7, 0.4, 0.1]).mean())


def test_a_task_may_be_called_like_a_class_of_another():
    """`like_1` is a binary task here, not the second class of `like`."""
    outputs = {"like": np.array([0.1, 0.9]), "like_1": np.array([0.9, 0.1])}
    assert list(task_metrics.named_columns(outputs)) == ["like", "like_1"]
    truth = np.array([0, 1])
    assert exact_metrics.summary(truth, outputs["like"])["auc"] == 1.0
    assert exact_metrics.summary(truth, outputs["like_1"])["auc"] == 0.0
