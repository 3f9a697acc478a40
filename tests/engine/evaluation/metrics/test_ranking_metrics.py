"""Metrics of the order of predictions, compared with scikit-learn, SciPy and loops over pairs."""

import numpy as np
import pytest
from generated_rows import NAN, rows
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from engine.evaluation.metrics import ranking
from models.common.tasks.metrics import numbers


def test_auc_with_ties_agrees_with_scikit_learn():
    labels, predictions = rows()
    assert ranking.auc(labels, predictions) == pytest.approx(
        roc_auc_score(labels, predictions), abs=1e-12
    )


def test_auc_by_hand():
    # Of the pairs (0.3, 0.1), (0.3, 0.3), (0.9, 0.1), (0.9, 0.3) three are in order, one is a tie.
    labels, predictions = np.array([0, 1, 0, 1]), np.array([0.1, 0.3, 0.3, 0.9])
    assert ranking.auc(labels, predictions) == 3.5 / 4


@pytest.mark.parametrize("label", [0, 1])
def test_one_label_has_no_auc(label):
    assert ranking.auc(np.full(3, label), np.array([0.1, 0.2, 0.3])) == NAN
    assert ranking.auc(np.zeros(0, int), np.zeros(0)) == NAN


def test_a_nan_prediction_leaves_no_auc():
    assert ranking.auc(np.array([0, 1]), np.array([0.5, np.nan])) == NAN


def test_gauc_by_hand():
    groups = np.array([7, 7, 7, 3, 3, 5, 5, -1, -1])
    labels = np.array([1, 0, 0, 0, 1, 1, 1, 1, 0])
    predictions = np.array([0.5, 0.4, 0.6, 0.2, 0.1, 0.9, 0.8, 0.9, 0.1])
    # Group 7: one of two pairs, weight 3; group 3: none of one, weight 2; 5 has one label alone.
    found = ranking.grouped_auc(labels, predictions, groups)
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
    found = ranking.grouped_auc(labels, predictions, groups)
    assert found.value == pytest.approx(np.average(aucs, weights=weights), abs=1e-12)
    assert (found.groups, found.rows) == (len(aucs), sum(weights))


def test_groups_of_one_label_have_no_gauc():
    assert ranking.grouped_auc(np.array([0, 1]), np.ones(2), np.array([0, 1])) == (NAN, 0, 0)


def test_weighted_metrics_of_binary_tasks_agree_with_scikit_learn():
    labels, predictions = rows(count=2000)
    weights = np.random.default_rng(3).exponential(size=len(labels))
    weights[::7] = 0.0
    for weight in (None, weights):
        expected = roc_auc_score(labels, predictions, sample_weight=weight)
        assert ranking.auc(labels, predictions, weight) == pytest.approx(expected, abs=1e-9)
        expected = average_precision_score(labels, predictions, sample_weight=weight)
        assert ranking.pr_auc(labels, predictions, weight) == pytest.approx(expected, abs=1e-9)


def test_weights_of_whole_numbers_repeat_rows():
    labels, predictions = rows(count=300)
    groups = np.random.default_rng(1).integers(-1, 20, 300)
    weights = np.random.default_rng(2).integers(1, 4, 300)
    again = np.repeat(np.arange(300), weights)
    once = ranking.grouped_auc(labels, predictions, groups, weights)
    repeated = ranking.grouped_auc(labels[again], predictions[again], groups[again])
    assert once.value == pytest.approx(repeated.value, abs=1e-9)
    numbers = np.round(predictions * 20 + np.random.default_rng(4).normal(size=300))
    assert ranking.xauc(numbers, predictions, weights) == pytest.approx(
        ranking.xauc(numbers[again], predictions[again]), abs=1e-9
    )


@pytest.mark.parametrize("labels", [[0, 0, 0], []])
def test_no_positive_row_has_no_average_precision(labels):
    assert ranking.pr_auc(np.array(labels), np.full(len(labels), 0.5)) == NAN
    assert ranking.pr_auc(np.array([0, 1]), np.array([np.nan, 0.5])) == NAN


def test_the_macro_auc_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 600)
    predictions = np.round(rng.dirichlet(np.ones(4), 600) + 0.3 * np.eye(4)[labels], 2)
    weights = rng.exponential(size=600)
    for weight in (None, weights):
        one_against_rest = [
            roc_auc_score(labels == number, predictions[:, number], sample_weight=weight)
            for number in range(4)
        ]
        found = ranking.macro_auc(labels, predictions, weight)
        assert found == pytest.approx(np.mean(one_against_rest), abs=1e-9)
    kept = labels != 3  # a class without rows does not count
    aucs = [roc_auc_score(labels[kept] == n, predictions[kept][:, n]) for n in range(3)]
    assert ranking.macro_auc(labels[kept], predictions[kept]) == pytest.approx(np.mean(aucs))
    assert ranking.macro_auc(np.zeros(3, int), np.full((3, 2), 0.5)) == NAN


def pairs_in_order(labels, scores, weights):
    """Returns XAUC by a loop over all pairs."""
    right = total = 0.0
    for one in range(len(labels)):
        for other in range(one):
            if labels[one] != labels[other]:
                pair = weights[one] * weights[other]
                total += pair
                if scores[one] == scores[other]:
                    right += pair / 2
                elif (labels[one] > labels[other]) == (scores[one] > scores[other]):
                    right += pair
    return right / total if total else float("nan")


@pytest.mark.parametrize("seed", range(8))
def test_xauc_agrees_with_a_loop_over_all_pairs(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 130))
    labels = rng.choice([rng.normal(size=count), rng.integers(0, 5, count)])
    scores = np.round(labels + rng.normal(size=count), int(rng.integers(0, 3)))  # with ties
    weights = rng.choice([np.ones(count), np.maximum(0, rng.normal(size=count))])
    expected = pairs_in_order(labels, scores, weights)
    assert ranking.xauc(labels, scores, weights) == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_xauc_of_labels_0_and_1_is_the_auc():
    labels, predictions = rows()
    found = ranking.xauc(labels.astype(np.float32), predictions.astype(np.float32))
    assert found == pytest.approx(roc_auc_score(labels, predictions), abs=1e-9)


def test_xauc_and_spearman_are_undefined_for_equal_labels_no_rows_and_nan():
    same, scores = np.full(3, 2.0), np.array([1.0, 2.0, 3.0])
    for metric in (ranking.xauc, ranking.spearman):
        assert metric(same, scores) == NAN
        assert metric(np.zeros(0), np.zeros(0)) == NAN
        assert metric(scores, np.array([1.0, np.nan, 2.0])) == NAN
    assert ranking.xauc(scores, same) == 0.5
    assert ranking.spearman(scores, same) == NAN
    assert ranking.xauc(scores, scores, np.zeros(3)) == NAN
    weights = np.random.default_rng(0).random(1000)  # their sums depend on the order
    labels = np.where(np.arange(1000) < 500, 1.0, 2.0)
    assert ranking.xauc(labels, labels, np.where(labels == 1, weights, 0.0)) == NAN


def test_spearman_agrees_with_scipy():
    rng = np.random.default_rng(0)
    labels = np.round(rng.exponential(size=500), 1)
    scores = np.round(labels + rng.normal(size=500), 1).astype(np.float32)
    expected = spearmanr(labels, scores).statistic
    assert ranking.spearman(labels, scores) == pytest.approx(expected, abs=1e-9)


def test_xauc_of_many_rows_is_that_of_the_log():
    """A loop over 8.5e9 pairs would take an hour; the log's metric counts them in another way."""
    rng = np.random.default_rng(0)
    labels = np.round(rng.exponential(size=130_000), 2).astype(np.float32)
    scores = np.round(labels + rng.normal(size=len(labels)), 2).astype(np.float32)
    assert ranking.xauc(labels, scores) == pytest.approx(numbers.xauc(labels, scores), abs=1e-12)
