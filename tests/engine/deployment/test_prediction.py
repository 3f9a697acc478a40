"""The prediction of all rows, and the lines with metrics."""

import numpy as np
import pytest

from engine.deployment.export import output_check
from engine.deployment.exported_model import task_facts
from engine.deployment.exported_model.tensors import TensorSpec
from engine.deployment.inference import prediction, quality
from engine.deployment.inference.labels import LabelFields
from engine.evaluation.metrics import task_columns
from engine.system.errors import UserError


class Doubling:
    """A predictor that counts its batches; P(label = 1) is the row's number over 100."""

    def __init__(self, outputs=("a", "b")):
        self.engine, self.runtime = "none", {"device": "cpu"}
        self.inputs = [TensorSpec("x", (None, 1), "float32")]
        self.outputs = [TensorSpec(name, (None, 2), "float32") for name in outputs]
        self.sizes = []

    def run(self, arrays):
        (rows,) = arrays
        self.sizes.append(len(rows))
        positive = rows / 100
        both = np.concatenate([1 - positive, positive], axis=1)
        return [both + number for number in range(len(self.outputs))]


class Rows:
    """Rows 0 to 9 in batches of 4, with some label columns."""

    def __init__(self, labels=2):
        self.labels = labels

    def batches(self, epoch):
        for start in (0, 4, 8):
            numbers = np.arange(start, min(start + 4, 10)).reshape(-1, 1)
            yield [numbers.astype("float32"), *[numbers % (2 + n) for n in range(self.labels)]]


def test_all_rows_once_and_in_order():
    result = prediction.predict(Doubling(), Rows(), None, 0, 1)
    np.testing.assert_allclose(result.outputs["a"], np.arange(10) / 100, atol=1e-6)
    np.testing.assert_allclose(result.outputs["b"], np.arange(10) / 100 + 1, atol=1e-6)
    np.testing.assert_array_equal(result.labels["a"], np.arange(10) % 2)
    np.testing.assert_array_equal(result.labels["b"], np.arange(10) % 3)


def test_warm_up_and_passes_are_counted():
    """Warm-up repeats short data; only the passes are timed."""
    runner = Doubling()
    result = prediction.predict(runner, Rows(), None, 5, 2)
    assert runner.sizes == [4, 4, 2, 4, 4] + 2 * [4, 4, 2]
    assert result.rows == 20
    assert {len(times) for times in result.milliseconds.values()} == {6}
    assert len(result.outputs["a"]) == 10
    seconds = sum(map(sum, result.milliseconds.values())) / 1e3
    assert result.rows_per_second == pytest.approx(20 / seconds)


@pytest.mark.parametrize(
    ("limit", "sizes"), [(1, [1]), (4, [4]), (6, [4, 2]), (10, [4, 4, 2]), (99, [4, 4, 2])]
)
def test_a_limit_ends_every_pass(limit, sizes):
    runner = Doubling()
    result = prediction.predict(runner, Rows(), limit, 0, 2)
    assert runner.sizes == 2 * sizes
    assert len(result.outputs["a"]) == len(result.labels["b"]) == sum(sizes)


def test_labels_are_named_by_their_tasks():
    result = prediction.predict(Doubling(["b"]), Rows(), None, 0, 1, LabelFields(["a", "b"]))
    assert list(result.outputs) == ["b"]
    np.testing.assert_array_equal(result.labels["b"], np.arange(10) % 3)


def test_a_reader_without_labels():
    assert prediction.predict(Doubling(), Rows(labels=0), None, 0, 1).labels == {}


def test_the_number_of_labels_must_be_that_of_the_tasks():
    with pytest.raises(
        UserError, match=r"yields 1 labels per row, expected one .* model's 2 tasks: a, b"
    ):
        prediction.predict(Doubling(), Rows(labels=1), None, 0, 1)


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        ([6], ["a"]),
        ([6, 1], ["a"]),
        ([6, 2], ["a"]),
        ([6, 3], ["a_0", "a_1", "a_2"]),
        ([6, 2, 2], ["a_0", "a_1", "a_2", "a_3"]),
    ],
)
def test_columns_of_an_output(shape, names):
    """Two classes give P(label = 1); three or more give all probabilities."""
    output = np.arange(np.prod(shape), dtype="float32").reshape(shape)
    columns = task_columns.named_columns({"a": task_facts.prediction(output, None)})
    assert list(columns) == names
    flat = output.reshape(6, -1)
    expected = flat[:, 1:] if shape == [6, 2] else flat
    np.testing.assert_array_equal(np.stack(list(columns.values()), axis=1), expected)


@pytest.mark.parametrize(
    ("facts", "size", "expected"),
    [
        ({"type": "binary", "class_num": 2}, 2, [1, 3, 5]),
        ({"type": "multiclass", "class_num": 2}, 2, [[0, 1], [2, 3], [4, 5]]),
        ({"type": "multiclass", "class_num": 1}, 1, [[0], [1], [2]]),
        ({"type": "regression", "class_num": None}, 1, [0, 1, 2]),
        ({"type": "count", "class_num": None}, 1, [0, 1, 2]),
    ],
)
def test_the_type_of_a_task_decides_what_its_output_predicts(facts, size, expected):
    """A multiclass task of two classes has two columns, which a shape alone does not tell."""
    output = np.arange(3 * size, dtype="float32").reshape(3, size)
    np.testing.assert_array_equal(task_facts.prediction(output, facts), expected)


def test_weights_follow_the_labels():
    """Two of three tasks share a column; weights are fields after the labels."""
    fields = LabelFields(["a", "b", "c"], ["w", None, "w"])
    rows = [np.array([[1], [0]]), np.array([[2.5], [np.nan]]), np.array([[3], [4]])]
    weights = np.array([[0.5], [2.0]])
    labels, found = fields.split([[*rows, weights], [*rows, weights]])
    np.testing.assert_array_equal(labels["b"], [2.5, np.nan, 2.5, np.nan])
    assert list(found) == ["a", "c"]
    np.testing.assert_array_equal(found["c"], [0.5, 2, 0.5, 2])
    assert fields.split([rows])[1] == {}  # a reader of one's own may yield none
    assert fields.split([[], []]) == ({}, {})


@pytest.mark.parametrize(("numbers", "found"), [([4], "4"), ([2, 0], "0 or 2"), ([2, 3], "2 or 3")])
def test_batches_with_other_numbers_of_fields(numbers, found):
    """Labels in some batches only would go to other rows than their own."""
    batches = [[np.zeros([2, 1])] * number for number in numbers]
    with pytest.raises(UserError, match=f"the reader yields {found} labels per row, expected one"):
        LabelFields(["a", "b"], [None, "w"]).split(batches)


def lines_of(task, labels, output, facts=None):
    return quality.quality_of(task, labels, output, facts).lines(task)


def test_numbers_whose_labels_are_all_equal():
    facts = [{"name": "watch", "type": "regression", "classes": None, "class_num": 0}]
    lines = lines_of("watch", np.array([2.0, np.nan, 2.0]), np.array([1.0, 9.0, 2.5]), facts)
    assert lines == [
        "watch: mae 0.750000, xauc nan",
        "watch: the XAUC is undefined because all counted rows have the same label",
    ]
    nothing = lines_of("watch", np.array([np.nan]), np.array([1.0]), facts)
    assert nothing == ["task watch: no labels in the data: predicted, not evaluated"]


def test_an_undefined_auc_has_a_reason():
    lines = lines_of("buy", np.array([1, 1, -1]), np.array([0.5, 0.25, np.nan]))
    assert lines[0] == "buy: auc nan, log loss 1.039721"
    assert lines[1:] == ["buy: the AUC is undefined because all counted rows have the same label"]
    lines = lines_of("buy", np.array([0, 1]), np.array([0.5, np.nan]))
    assert lines[1:] == ["buy: the AUC is undefined because a prediction is NaN"]


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4)])
def test_outputs_that_are_not_probabilities_of_the_labels_have_no_metrics(shape):
    assert lines_of("rating", np.array([5, 0]), np.zeros(shape)) == []


def test_the_difference_of_outputs_is_relative_above_one():
    """By hand: 0.5 of 1000.5 is 5e-4, and 1e-6 of a probability stays 1e-6."""
    expected = np.array([[1000.5, -4.0], [0.25, 0.0]])
    found = np.array([[1001.0, -4.0], [0.250001, 0.0]])
    assert output_check.difference(found, expected) == pytest.approx(0.5 / 1000.5)
    assert output_check.difference(found[1:], expected[1:]) == pytest.approx(1e-6)
    assert np.isnan(output_check.difference(found * np.nan, expected))
