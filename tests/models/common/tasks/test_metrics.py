"""AUC counted in buckets, and accuracy, against scikit-learn's."""

import numpy as np
import paddle
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from models.common.tasks.metrics import stream
from models.common.tasks.metrics.accuracy import Accuracy, Choices
from models.common.tasks.metrics.auc import Auc, Scores
from models.common.tasks.metrics.stream import _PENDING


def logits(odds):
    """Scores ``[1, n, 2]`` of the given log-odds, split unevenly between the columns."""
    return np.stack([-0.25 * odds, 0.75 * odds], axis=1)[None].astype("f4")


def auc(batches):
    scores = Scores(1)
    for odds, labels in batches:
        scores.add(logits(odds), labels[None, :, None])
    return Auc(scores, 0).accumulate()


@pytest.mark.parametrize("spread", [0.05, 1.0, 8.0, 25.0])
@pytest.mark.parametrize("rate", [0.01, 0.06, 0.5])
def test_auc_equals_scikit_learns(spread, rate):
    rng = np.random.default_rng(0)
    labels = (rng.random(20_000) < rate).astype(np.int64)
    odds = spread * (rng.normal(size=20_000) + labels) - 3.0
    batches = [(odds[i : i + 1023], labels[i : i + 1023]) for i in range(0, 20_000, 1023)]
    assert auc(batches) == pytest.approx(roc_auc_score(labels, odds), abs=1e-4)


def narrow_rows(rows=2000, spread=1e-5):
    """Scores that all lie in one bucket, and whose order says much about the labels."""
    rng = np.random.default_rng(3)
    labels = (rng.random(rows) < 0.3).astype(np.int64)
    return (spread * (rng.normal(size=rows) + 1.3 * labels)).astype("f4") + np.float32(0.01), labels


def collected(odds, labels, keep):
    scores = Scores(2)  # the rows of the second task count in part, and its scores are spread
    masked = np.where(np.arange(len(labels)) % 3 == 0, -100, labels)
    for start in range(0, len(odds), 300):
        rows = slice(start, start + 300)
        pair = np.stack([np.zeros_like(odds), odds], axis=1)[None, rows]
        both = np.concatenate([pair, pair * 1e5])
        if keep:
            scores.keep_rows()
        scores.add(both, np.stack([labels[rows], masked[rows]])[:, :, None])
    return [Auc(scores, task) for task in (0, 1)], masked


def test_scores_in_one_bucket_are_counted_exactly_in_an_evaluation():
    odds, labels = narrow_rows()
    exact = roc_auc_score(labels, odds)
    (narrow, wide), masked = collected(odds, labels, keep=True)
    assert exact > 0.8
    assert narrow.accumulate() == pytest.approx(exact, abs=1e-9)
    assert narrow.error_bound() == 0
    counted = masked >= 0
    assert wide.accumulate() == pytest.approx(
        roc_auc_score(masked[counted], odds[counted]), abs=1e-4
    )
    narrow.reset()
    assert np.isnan(narrow.accumulate())


def test_scores_in_one_bucket_are_rough_if_their_rows_are_not_kept(monkeypatch):
    """In training, for more rows than are kept, and for counts of several processes."""
    odds, labels = narrow_rows()
    exact = roc_auc_score(labels, odds)
    (trained, _), _ = collected(odds, labels, keep=False)
    (evaluated, _), _ = collected(odds, labels, keep=True)
    summed = collected(odds, labels, keep=True)[0][0]
    summed.set_state_dict(evaluated.state_dict())
    monkeypatch.setattr(stream, "_KEPT", 1999)
    (many, _), _ = collected(odds, labels, keep=True)
    for metric in (trained, summed, many):
        difference = abs(metric.accumulate() - exact)
        assert 0.1 < difference <= metric.error_bound() <= 0.5


def test_rows_before_the_first_that_is_kept_are_not_left_out():
    odds, labels = narrow_rows(10)
    scores = Scores(1)
    scores.add(logits(odds), labels[None, :, None])
    scores.keep_rows()
    scores.add(logits(odds + 1), labels[None, :, None])
    assert scores.exact_auc(0) is None


def test_ties_count_half():
    odds = np.array([0.0, 0.0, 0.0, 1.0])
    assert auc([(odds, np.array([0, 1, 1, 0]))]) == pytest.approx(0.25)


def test_order_beyond_the_last_bucket_is_a_tie_not_an_error():
    assert auc([(np.array([5000.0, -5000.0]), np.array([1, 0]))]) == 1.0
    assert auc([(np.array([5000.0, 4000.0]), np.array([1, 0]))]) == 0.5


def test_a_saturated_probability_lies_at_the_limit():
    scores = Scores(1)
    with np.errstate(divide="ignore"):
        saturated = np.log(np.array([[[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]], "f4"))
    scores.add(saturated, np.array([[[1], [0], [0]]]))
    assert Auc(scores, 0).accumulate() == 1.0


def test_one_class_alone_has_no_auc():
    assert np.isnan(auc([(np.zeros(3), np.ones(3, np.int64))]))
    assert np.isnan(Auc(Scores(1), 0).accumulate())


def test_a_diverged_run_has_no_auc_until_the_next_reset():
    scores = Scores(1)
    metric = Auc(scores, 0)
    scores.add(logits(np.array([0.0, np.nan])), np.array([[[0], [1]]]))
    assert np.isnan(metric.accumulate())
    scores.add(logits(np.array([0.0, 1.0])), np.array([[[0], [1]]]))
    assert np.isnan(metric.accumulate())
    metric.reset()
    scores.add(logits(np.array([0.0, 1.0])), np.array([[[0], [1]]]))
    assert metric.accumulate() == 1.0


def test_reading_in_between_changes_nothing_and_reset_forgets():
    rng = np.random.default_rng(1)
    odds, labels = rng.normal(size=3000), rng.integers(0, 2, 3000)
    scores = Scores(1)
    metric = Auc(scores, 0)
    for start in range(0, 3000, 100):
        rows = slice(start, start + 100)
        scores.add(logits(odds[rows]), labels[None, rows, None])
        metric.accumulate()
    assert metric.accumulate() == auc([(odds, labels)])
    metric.reset()
    scores.add(logits(odds[:50]), labels[None, :50, None])
    assert metric.accumulate() == auc([(odds[:50], labels[:50])])


def test_tensors_and_many_pending_batches():
    """More batches than are kept before they are counted, of two tasks."""
    rng = np.random.default_rng(2)
    odds, labels = rng.normal(size=(2, 5000)), rng.integers(0, 2, (2, 5000))
    scores = Scores(2)
    for start in range(0, 5000, 2):
        pair = np.concatenate([logits(task[start : start + 2]) for task in odds])
        scores.add(paddle.to_tensor(pair), paddle.to_tensor(labels[:, start : start + 2, None]))
    for task in range(2):
        expected = roc_auc_score(labels[task], odds[task])
        assert Auc(scores, task).accumulate() == pytest.approx(expected, abs=1e-4)


def test_rows_with_a_negative_label_count_for_that_task_alone_not():
    rng = np.random.default_rng(3)
    odds, labels = rng.normal(size=(2, 4000)), rng.integers(0, 2, (2, 4000))
    clicked = labels[0] == 1
    counted = np.stack([labels[0], np.where(clicked, labels[1], -100)])
    scores = Scores(2)
    for start in range(0, 4000, 250):
        rows = slice(start, start + 250)
        pair = np.concatenate([logits(task[rows]) for task in odds])
        scores.add(pair, counted[:, rows, None])
    found = [Auc(scores, task).accumulate() for task in range(2)]
    expected = [
        roc_auc_score(labels[0], odds[0]),
        roc_auc_score(labels[1, clicked], odds[1, clicked]),
    ]
    assert found == pytest.approx(expected, abs=1e-4)
    assert scores.counts().sum(axis=(1, 2)).tolist() == [4000, clicked.sum()]


# Accuracy


def test_accuracy_equals_scikit_learns_of_the_rows_that_count():
    rng = np.random.default_rng(4)
    table, labels = rng.normal(size=(2, 3000, 10)).astype("f4"), rng.integers(0, 10, (2, 3000))
    counted = labels.copy()
    counted[1, ::3] = -100
    choices = Choices(2)
    for start in range(0, 3000, 7):
        rows = slice(start, start + 7)
        batch = paddle.to_tensor(table[:, rows]), paddle.to_tensor(counted[:, rows, None])
        choices.add(*batch)
    for task in range(2):
        kept = counted[task] >= 0
        expected = accuracy_score(labels[task, kept], table[task, kept].argmax(axis=1))
        assert Accuracy(choices, task).accumulate() == pytest.approx(expected)


def test_accuracy_by_hand():
    """Two of three rows are chosen rightly; the fourth has no label."""
    table = np.array([[[0.1, 0.9, 0.0], [5.0, 1.0, 2.0], [0.0, 1.0, 0.0], [9.0, 0.0, 0.0]]])
    choices = Choices(1)
    choices.add(table, np.array([[[1], [0], [2], [-100]]]))
    assert Accuracy(choices, 0).accumulate() == pytest.approx(2 / 3)


def test_accuracy_of_no_rows_is_nan_and_so_is_that_of_no_numbers_until_the_next_reset():
    choices = Choices(1)
    metric = Accuracy(choices, 0)
    assert np.isnan(metric.accumulate())
    choices.add(np.array([[[1.0, 0.0]]]), np.array([[[-100]]]))
    assert np.isnan(metric.accumulate())
    choices.add(np.array([[[1.0, 0.0]]]), np.array([[[0]]]))
    assert metric.accumulate() == 1.0
    choices.add(np.array([[[np.nan, 0.0]]]), np.array([[[0]]]))
    assert np.isnan(metric.accumulate())
    metric.reset()
    choices.add(np.array([[[1.0, 0.0], [0.0, 1.0]]]), np.array([[[0], [0]]]))
    assert metric.accumulate() == 0.5


@pytest.mark.parametrize("kept", [Scores, Choices])
def test_batches_do_not_pile_up_without_end(kept):
    """Of a run that never prints a line, memory holds so many batches and no more."""
    metric = kept(1)
    for _ in range(2 * _PENDING + 5):
        metric.add(np.zeros((1, 1, 2), "f4"), np.zeros((1, 1, 1), np.int64))
        assert len(metric._pending) < _PENDING


# Why there is no AUC


@pytest.mark.parametrize(
    ("labels", "odds", "reason"),
    [
        ([0, 0], [0.0, 1.0], "all its rows have the label 0: an AUC needs both"),
        ([1, 1], [0.0, 1.0], "all its rows have the label 1: an AUC needs both"),
        ([-100, -100], [0.0, 1.0], "no row counts for it"),
        ([-100, 1], [0.0, 1.0], "all its rows have the label 1: an AUC needs both"),
        ([0, 1], [0.0, np.nan], "a score is NaN"),
        ([0, 1], [0.0, 1.0], None),
    ],
)
def test_an_undefined_auc_says_why(labels, odds, reason):
    scores = Scores(1)
    scores.add(logits(np.array(odds)), np.array(labels)[None, :, None])
    metric = Auc(scores, 0)
    assert metric.undefined() == reason
    assert np.isnan(metric.accumulate()) == (reason is not None)
