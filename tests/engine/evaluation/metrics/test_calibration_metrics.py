"""Calibration, reliability diagrams and their error, compared with values computed by hand."""

import numpy as np
import pytest
from generated_rows import NAN, rows

from engine.evaluation.metrics import calibration


def test_calibration_is_the_ratio_of_the_means():
    labels = np.array([1, 0, 0, 0])
    assert calibration.calibration(labels, np.array([0.5, 0.3, 0.1, 0.1])) == pytest.approx(1.0)
    assert calibration.calibration(labels, np.full(4, 0.5)) == pytest.approx(2.0)
    assert calibration.calibration(np.zeros(4, int), np.full(4, 0.5)) == NAN


def test_reliability_by_hand():
    predictions = np.array([0.9, 0.1, 0.2, 0.8])
    bins = calibration.reliability(np.array([1, 0, 1, 1]), predictions, 2)
    np.testing.assert_allclose(bins.predicted, [0.15, 0.85])
    np.testing.assert_allclose(bins.observed, [0.5, 1.0])
    np.testing.assert_array_equal(bins.rows, [2, 2])
    assert bins.error == pytest.approx(0.5 * 0.35 + 0.5 * 0.15)


def test_bins_have_about_equal_size_and_contain_all_rows():
    labels, predictions = rows(count=10_007)
    noisy = predictions + 1e-6 * np.random.default_rng(2).random(len(labels))
    bins = calibration.reliability(labels, noisy, 20)
    assert bins.rows.sum() == 10_007
    assert len(bins.rows) == 20
    assert bins.rows.max() - bins.rows.min() <= 2
    assert (np.diff(bins.predicted) > 0).all()


def test_equal_predictions_share_a_bin_whatever_the_order_of_rows():
    labels = np.array([0] * 50 + [1] * 50)
    bins = calibration.reliability(labels, np.full(100, 0.5), 10)
    assert [list(part) for part in bins] == [[0.5], [0.5], [100]]
    assert bins.error == 0.0
    shuffled = np.random.default_rng(0).permutation(100)
    again = calibration.reliability(labels[shuffled], np.full(100, 0.5), 10)
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
    found = calibration.reliability(np.zeros(len(order), int), np.array(predictions)[order], bins)
    np.testing.assert_allclose(found.predicted, [mean for mean, _ in expected])
    np.testing.assert_array_equal(found.rows, [rows for _, rows in expected])


def test_opposite_errors_beside_equal_predictions_do_not_cancel():
    predictions = np.array([0.25] * 96 + [0.75] * 4)
    labels = np.array([1] * 27 + [0] * 73)  # as many as predicted, of the wrong rows
    error = calibration.reliability(labels, predictions, 20).error
    assert error == pytest.approx(0.96 * (27 / 96 - 0.25) + 0.04 * 0.75)


def test_the_error_of_a_calibrated_and_of_a_shifted_model():
    rng = np.random.default_rng(0)
    truth = rng.random(200_000)
    labels = (rng.random(200_000) < truth).astype(int)
    assert calibration.reliability(labels, truth, 20).error < 0.01
    shifted = calibration.reliability(labels, truth * 0.8 + 0.2, 20).error
    assert shifted == pytest.approx(0.1, abs=0.01)  # 0.2 at 0, nothing at 1


def test_no_rows_have_no_calibration_error():
    assert calibration.reliability(np.zeros(0, int), np.zeros(0), 10).error == NAN


def test_weights_of_whole_numbers_repeat_rows_in_a_bin():
    labels, predictions = np.array([0, 1, 1, 0]), np.array([0.1, 0.2, 0.8, 0.9])
    weights = np.array([3.0, 1.0, 1.0, 2.0])
    bins = calibration.reliability(labels, predictions, 2, weights)
    np.testing.assert_allclose(bins.predicted, [0.5 / 4, 2.6 / 3])
    np.testing.assert_allclose(bins.observed, [1 / 4, 1 / 3])
    np.testing.assert_array_equal(bins.rows, [4, 3])
    found = calibration.calibration(labels, predictions, weights)
    assert found == pytest.approx((0.3 + 0.2 + 0.8 + 1.8) / 2)
