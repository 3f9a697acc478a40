"""Types of tasks, rows that count, names of columns, and the summary of ``paddle_infer.py``."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, mean_absolute_error, roc_auc_score

from engine.evaluation import task_metrics
from engine.evaluation.metrics import task_columns

FACTS = [
    {"name": "like", "type": "binary", "classes": None, "class_num": 2, "rows": None},
    {"name": "mood", "type": "multiclass", "classes": ["bad", "good"], "class_num": 2},
    {"name": "digit", "type": "multiclass", "classes": None, "class_num": 3},
    {"name": "watch", "type": "regression", "classes": None, "class_num": None},
]


def summary(labels, predictions, task="like", facts=None):
    return task_metrics.summary(task, labels, predictions, facts)


def test_a_summary_agrees_with_scikit_learn():
    random = np.random.default_rng(0)
    guess = random.random(500, dtype="float32")
    truth = (random.random(500) < guess).astype(int)
    found = summary(truth, guess)
    assert found["auc"] == pytest.approx(roc_auc_score(truth, guess), abs=1e-12)
    expected = log_loss(truth, guess.astype("float64"))
    assert found["log loss"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("label", [0, 1])
def test_labels_of_one_class_have_a_log_loss_and_no_auc(label):
    found = summary(np.full(3, label), np.full(3, 0.25))
    assert np.isnan(found["auc"])
    assert found["log loss"] == pytest.approx(-np.log(0.25 if label else 0.75))


def test_labels_of_other_tasks_have_no_summary():
    assert summary(np.array([5, 3]), np.array([0.1, 0.9])) == {}
    assert summary(np.array([0, 1]), None) == {}
    assert summary(np.array([-1, -1]), np.array([0.1, 0.9])) == {}


def test_rows_that_do_not_count_are_left_out():
    random = np.random.default_rng(0)
    guess = random.random(500)
    labels = {name: random.integers(0, 2, 500) for name in ("click", "conversion")}
    counted = task_columns.counting_labels(labels, {"conversion": "click"})
    found = summary(counted["conversion"], guess)
    clicked = labels["click"] == 1
    expected = roc_auc_score(labels["conversion"][clicked], guess[clicked])
    assert found["auc"] == pytest.approx(expected, abs=1e-12)


def test_several_classes_have_an_accuracy():
    chances = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.1, 0.8, 0.1]])
    found = summary(np.array([0, 2, 2]), chances)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["log loss"] == pytest.approx(-np.log([0.7, 0.4, 0.1]).mean())


def test_a_task_may_be_called_like_a_class_of_another():
    """`like_1` is a binary task here, not the second class of `like`."""
    outputs = {"like": np.array([0.1, 0.9]), "like_1": np.array([0.9, 0.1])}
    assert list(task_columns.named_columns(outputs)) == ["like", "like_1"]
    truth = np.array([0, 1])
    assert summary(truth, outputs["like"])["auc"] == 1.0
    assert summary(truth, outputs["like_1"])["auc"] == 0.0


def test_a_regression_has_a_mean_absolute_error_over_the_rows_with_a_label():
    labels = np.array([3.0, np.nan, 5.0, 0.5], np.float32)
    predictions = np.array([2.0, 9.0, 5.5, 0.0], np.float32)
    found = summary(labels, predictions, "watch", FACTS)
    kept = [0, 2, 3]
    assert found["mae"] == pytest.approx(mean_absolute_error(labels[kept], predictions[kept]))
    assert found["xauc"] == 1.0
    assert summary(np.full(2, np.nan), np.zeros(2), "watch", FACTS) == {}


def test_labels_that_are_missing_do_not_count():
    assert task_columns.counted(np.array([-100, -1, 0, 3])).tolist() == [False, False, True, True]
    numbers = np.array([np.nan, -2.5, 0.0], np.float32)  # a number may be negative
    assert task_columns.counted(numbers).tolist() == [False, True, True]


def test_columns_of_classes_have_their_names():
    outputs = {"mood": np.array([[0.2, 0.8]]), "digit": np.array([[0.1, 0.2, 0.7]])}
    columns = task_columns.named_columns({"like": np.array([0.5]), **outputs}, FACTS)
    assert list(columns) == ["like", "mood_bad", "mood_good", "digit_0", "digit_1", "digit_2"]
    for task, array in outputs.items():
        np.testing.assert_array_equal(task_columns.predictions_of(task, columns, FACTS), array)


@pytest.mark.parametrize(
    ("task", "labels", "predictions", "expected"),
    [
        ("like", [0, 1], np.zeros(2), "binary"),
        ("watch", [0, 1], np.zeros(2), "regression"),
        ("mood", [0, 1], np.zeros((2, 2)), "multiclass"),
        ("other", [0.0, 1.0, np.nan], np.zeros(3), "binary"),  # of a folder without facts
        ("other", [0.5, 1.0], np.zeros(2), "regression"),
        ("other", [0, 9], np.zeros((2, 10)), "multiclass"),
    ],
)
def test_the_type_is_that_of_the_facts_or_of_the_arrays(task, labels, predictions, expected):
    kind, truth = task_columns.typed(task, np.array(labels), predictions, FACTS)
    assert kind == expected
    assert (truth.dtype.kind == "f") == (expected == "regression") or truth.dtype.kind == "i"
    assert task_columns.counted(truth).tolist() == (~np.isnan(labels)).tolist()
