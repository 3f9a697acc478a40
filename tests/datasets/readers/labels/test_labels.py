"""What the declaration of a task makes of its labels; expected values are written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.readers.labels import counts as label_counts
from datasets.readers.labels.declarations import labels_of
from datasets.readers.labels.label import MISSING, CellError, weight_columns

NAN = float("nan")
TEN = {"hyper_parameters.class_num": 10}


def label_of(columns=("y",), default=None, **declared):
    task = {"name": "t", "label_column": 0, **declared}
    return labels_of({"hyper_parameters.tasks": [task], **(default or {})}, columns)[0]


def read(label, numbers, dtype=np.float32):
    found = label.of_numbers(np.array(numbers, dtype)[:, None])
    assert found.shape == (len(numbers), 1)
    assert found.dtype == (np.float32 if label.is_number else np.int64)
    return found[:, 0].tolist()


@pytest.mark.parametrize(
    ("declared", "numbers", "expected"),
    [
        ({}, [0, 1, 1], [0, 1, 1]),
        ({}, [0, NAN, 1], [0, MISSING, 1]),
        ({"missing_label": -1}, [0, -1, 1, NAN], [0, MISSING, 1, MISSING]),
        ({"positive": 1}, [-1, 1, NAN], [0, 1, MISSING]),
        ({"positive": "1"}, [-1, 1, 2], [0, 1, 0]),
        ({"positive": [4, 5], "missing_label": 0}, [0, 3, 4, 5], [MISSING, 0, 1, 1]),
        ({"positive": 0.1}, [0.1, 0.2], [1, 0]),  # compared as float32
        ({"positive": True}, [1, 0, NAN], [1, 0, MISSING]),
        ({"missing_label": 0, "positive": 1}, [0, 1, -1], [MISSING, 1, 0]),
        ({"type": "multiclass", "class_num": 5}, [0, 4, NAN, 2], [0, 4, MISSING, 2]),
        ({"type": "multiclass", "classes": ["bad", "good"]}, [1, 0], [1, 0]),
        ({"type": "multiclass", "default": TEN}, [9, 0], [9, 0]),
        ({"default": TEN}, [9, 0], [9, 0]),  # PaddleRec's key for all tasks
        ({"class_num": 3}, [2, 0], [2, 0]),
        ({"classes": ["bad", "good"]}, [1, NAN], [1, MISSING]),
        ({"type": "regression"}, [-2.5, 16777217.0, 0], [-2.5, 16777216.0, 0]),
        ({"type": "regression", "missing_label": -1}, [-1, 0.25], [NAN, 0.25]),
        ({"type": "count"}, [0, 3, 1.5, NAN], [0, 3, 1.5, NAN]),
    ],
)
def test_numbers_become_labels(declared, numbers, expected):
    label = label_of(**declared)
    assert read(label, numbers) == pytest.approx(expected, nan_ok=True)
    if not np.isnan(numbers).any() and label.name == "y" and np.all(np.mod(numbers, 1) == 0):
        assert read(label, numbers, np.int32) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("declared", "numbers", "problem"),
    [
        ({}, [0, 2], r"expected a label 0 or 1, found 2 \(task t: set its positive or"),
        ({}, [0, -1], r"expected a label 0 or 1, found -1 .*empty"),
        ({"missing_label": -1}, [0, 0.5], "expected a label 0 or 1, found 0.5"),
        ({"positive": True}, [0, 2], "expected a label true or false, found 2"),
        ({"type": "multiclass", "class_num": 5}, [0, 5], r"class from 0 to 4, found 5 \(task t: s"),
        ({"type": "multiclass", "class_num": 5}, [0, 1.5], "class from 0 to 4, found 1.5"),
        ({"type": "multiclass", "class_num": 5}, [0, -1], "class from 0 to 4, found -1"),
        ({"type": "count"}, [0, -2], "expected a count of at least 0, found -2"),
    ],
)
def test_numbers_that_are_no_labels(declared, numbers, problem):
    with pytest.raises(CellError, match=problem) as caught:
        read(label_of(**declared), numbers)
    assert caught.value.row == 1


@pytest.mark.parametrize(
    ("declared", "texts"),
    [
        ({}, {"0": 0, "1.0": 1, "True": 1, "FALSE": 0, "yes": None, "0_1": None, "2": None}),
        ({"positive": "paid"}, {"paid": 1, "free": 0, "Paid": 0, "": 0}),
        ({"positive": ["yes", "y"]}, {"Yes": 1, "y": 1, "Y": 0, "no": 0, "x": 0}),
        ({"positive": "Yes"}, {"yes": 1, "Yes": 1, "no": 0, "1": 1, "off": 0, "maybe": None}),
        ({"positive": True}, {"yes": 1, "Yes": 1, "no": 0, "1": 1, "off": 0, "maybe": None}),
        ({"positive": False}, {"yes": 0, "no": 1, "0.0": 1}),
        ({"positive": 1}, {"1": 1, "1.0": 1, "-1": 0, "inf": 0}),
        ({"positive": ["a", 2]}, {"a": 1, "2.0": 1, "b": 0}),
        ({"missing_label": -1}, {"-1": MISSING, "-1.0": MISSING, "1": 1}),
        (
            {"type": "multiclass", "classes": ["bad", "good "]},
            {"bad": 0, "good": 1, "1": 1, "2": None, "ugly": None, "inf": None},
        ),
        ({"type": "multiclass", "classes": ["5", "4"]}, {"5": 0, "4.0": 1, "1": None, "0": None}),
        (
            {"type": "multiclass", "class_num": 3, "missing_label": 9},
            {"0": 0, "2.0": 2, "3": None, "-1": None, "9": MISSING, "1.5": None, "x": None},
        ),
    ],
)
def test_texts_become_classes(declared, texts):
    label = label_of(**declared)
    assert {text: label.of_text(text) for text in texts} == texts


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ({"type": "rating"}, "t: type: expected binary, multiclass, regression or count, found 'r"),
        ({"label_column": 1}, r"t: label_column: expected an integer from 0 to 0 \(y\), found 1"),
        ({"label_column": True}, "t: label_column: .*, found True"),
        ({"type": "multiclass"}, "t: class_num: expected an integer of at least 2, found None"),
        ({"type": "multiclass", "class_num": 1}, "t: class_num: expected .* at least 2, found 1"),
        ({"type": "multiclass", "classes": ["a"]}, "t: classes: expected at least two names, or l"),
        ({"type": "multiclass", "classes": ["a", " a"]}, "t: classes: expected each class only on"),
        ({"type": "multiclass", "classes": [False, True]}, "t: classes: .*write it in quotation"),
        (
            {"type": "multiclass", "classes": ["a", "b"], "class_num": 3},
            "t: class_num: expected 2, the number of classes, found 3",
        ),
        (
            {"classes": ["a", "b"], "type": "binary"},
            "t: classes: expected no value for a binary task, found",
        ),
        ({"type": "count", "positive": 1}, "t: positive: expected no value for a count task"),
        ({"positive": []}, "t: positive: expected the value that means 1, or a list of values"),
        ({"positive": {}}, "t: positive: expected the value that means 1"),
        ({"missing_label": "none"}, "t: missing_label: expected a number, found 'none'"),
        ({"missing_label": True}, "t: missing_label: expected a number, found True"),
        ({"sample_weight": 2}, "t: sample_weight: expected the name of a column, found 2"),
    ],
)
def test_a_declaration_that_cannot_be_used(declared, problem):
    with pytest.raises(ValueError, match=f"hyper_parameters.tasks: {problem}"):
        label_of(**declared)


def test_a_column_of_numbers_is_no_binary_label():
    tasks = [{"name": "watch", "label_column": 1}]
    with pytest.raises(ValueError, match=r"watch: type: expected regression or count, found 'bin"):
        labels_of({"hyper_parameters.tasks": tasks}, ["y", "seconds"], numbers=["seconds"])
    tasks[0]["type"] = "regression"
    (label,) = labels_of({"hyper_parameters.tasks": tasks}, ["y", "seconds"], numbers=["seconds"])
    assert label.is_number


def test_columns_of_weights_are_in_the_order_of_their_first_use():
    tasks = [
        {"name": "a", "label_column": 0},
        {"name": "b", "label_column": 0, "sample_weight": "v"},
        {"name": "c", "label_column": 0},
    ]
    config = {"hyper_parameters.tasks": tasks}
    assert weight_columns(labels_of(config, ["y"])) == ["v"]
    config["hyper_parameters.table.sample_weight"] = "w"
    assert weight_columns(labels_of(config, ["y"])) == ["w", "v"]


def test_counts_of_labels_and_weights():
    tasks = [
        {"name": "click", "label_column": 0},
        {"name": "watch", "label_column": 1, "type": "regression", "rows": "click"},
        {"name": "like", "label_column": 2, "rows": "click", "sample_weight": "w"},
        {"name": "rating", "label_column": 3, "type": "multiclass", "classes": ["bad", "good"]},
    ]
    labels = labels_of({"hyper_parameters.tasks": tasks}, ["click", "seconds", "like", "rating"])
    click = np.array([1, 1, 0, MISSING, 1])
    watch = np.array([2.0, NAN, 7.0, 9.0, -4.0], np.float32)
    like = np.array([1, 0, 1, 1, MISSING])
    rating = np.array([0, 1, 1, MISSING, 1])
    weights = np.array([0.5, 0.0, 3.0, 1.0, 2.0], np.float32)
    arrays = [array[:, None] for array in (click, watch, like, rating, weights)]
    parts = []
    for rows in (slice(0, 3), slice(3, 3), slice(3, 5)):  # as of three files
        parts.append(label_counts.empty(labels))
        label_counts.add(parts[-1], labels, [array[rows] for array in arrays])
    found = label_counts.describe(labels, label_counts.joined(parts, labels))
    assert found == [
        {
            "task": "click",
            "label": "click",
            "type": "binary",
            "rows": 4,
            "missing": 1,
            "positives": 3,
        },
        {
            "task": "watch",
            "label": "seconds",
            "type": "regression",
            "rows": 2,
            "missing": 1,
            "mean": -1.0,
            "least": -4.0,
            "most": 2.0,
            "where": "click",
        },
        {
            "task": "like",
            "label": "like",
            "type": "binary",
            "rows": 2,
            "missing": 1,
            "positives": 1,
            "where": "click",
            "outside": 1,
            "sample_weight": "w",
            "weights": 0.5,
            "zero_weights": 1,
        },
        {
            "task": "rating",
            "label": "rating",
            "type": "multiclass",
            "rows": 4,
            "missing": 1,
            "classes": {"bad": 1, "good": 3},
        },
    ]
    nothing = label_counts.describe(labels, label_counts.joined([], labels))
    assert (nothing[1]["mean"], nothing[1]["least"], nothing[3]["rows"]) == (None, None, 0)
