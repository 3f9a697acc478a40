"""``runner.metrics`` of tasks of several types: weights, slices, missing labels."""

import logging

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from engine.data.row_source import RowSource
from engine.distributed.processes import World
from engine.evaluation.label_presence import LabelPresence
from engine.evaluation.metrics.slices import Slices
from engine.evaluation.predictions import Predictions
from engine.evaluation.task_metrics import TaskMetrics, main_names
from engine.system.clock import Clock
from engine.system.errors import UserError

FACTS = [
    {"name": "like", "type": "binary", "classes": None, "class_num": 2},
    {"name": "mood", "type": "multiclass", "classes": ["bad", "fair", "good"], "class_num": 3},
    {"name": "watch", "type": "regression", "classes": None, "class_num": None},
    {"name": "gifts", "type": "count", "classes": None, "class_num": None},
]
ROWS = 400
RNG = np.random.default_rng(0)
MOODS = RNG.dirichlet(np.ones(3), ROWS)
LABELS = {
    "like": np.where(RNG.random(ROWS) < 0.2, -100, RNG.integers(0, 2, ROWS)),
    "mood": np.where(RNG.random(ROWS) < 0.2, -100, RNG.integers(0, 3, ROWS)),
    "watch": np.where(RNG.random(ROWS) < 0.2, np.nan, RNG.exponential(30.0, ROWS)).astype("f4"),
    "gifts": RNG.poisson(2.0, ROWS).astype(np.float32),
}
PREDICTIONS = {
    "like": RNG.random(ROWS),
    **{f"mood_{name}": MOODS[:, place] for place, name in enumerate(FACTS[1]["classes"])},
    "watch": RNG.exponential(30.0, ROWS).astype(np.float32),
    "gifts": RNG.exponential(2.0, ROWS),
}
WEIGHTS = {task: RNG.exponential(size=ROWS) for task in LABELS}
NAMES = ["auc", "logloss", "acc", "mae", "xauc", "spearman", "poisson_deviance"]


@pytest.mark.parametrize("weighted", [False, True])
def test_every_type_has_its_metrics_of_the_rows_with_a_label(weighted, caplog):
    asked = TaskMetrics(NAMES, weighted=weighted)
    with caplog.at_level(logging.INFO):
        found = asked.report("epoch: 0", PREDICTIONS, LABELS, WEIGHTS if weighted else None, FACTS)
    assert {task: sorted(set(found[task]) & set(NAMES)) for task in found} == {
        "like": ["acc", "auc", "logloss"],
        "mood": ["acc", "logloss"],
        "watch": ["mae", "spearman", "xauc"],
        "gifts": ["mae", "poisson_deviance", "spearman", "xauc"],
    }

    def expected(task, metric, predicted):
        kept = LABELS[task] >= 0
        weight = WEIGHTS[task][kept] if weighted else None
        return metric(LABELS[task][kept], predicted[kept], sample_weight=weight)

    assert found["like"]["rows"] == (LABELS["like"] >= 0).sum() < ROWS
    auc = expected("like", sklearn_metrics.roc_auc_score, PREDICTIONS["like"])
    assert found["like"]["auc"] == pytest.approx(auc, abs=1e-9)
    loss = expected("mood", sklearn_metrics.log_loss, MOODS)
    assert found["mood"]["logloss"] == pytest.approx(loss, abs=1e-9)
    mae = expected("watch", sklearn_metrics.mean_absolute_error, PREDICTIONS["watch"])
    assert found["watch"]["mae"] == pytest.approx(mae, abs=1e-5)
    deviance = expected("gifts", sklearn_metrics.mean_poisson_deviance, PREDICTIONS["gifts"])
    assert found["gifts"]["poisson_deviance"] == pytest.approx(deviance, abs=1e-9)
    unweighted = "runner.weighted_metrics: spearman has no weighted form, every row counts once"
    assert (unweighted in caplog.text) == weighted
    total = WEIGHTS["gifts"].sum()
    assert (f"gifts on {ROWS} rows of weight {total:g}, xauc: " in caplog.text) == weighted


def test_metrics_that_no_task_has_and_tasks_without_metrics_are_said_once(caplog):
    asked = TaskMetrics(["auc", "macro_auc", "poisson_deviance"])
    labels = {task: LABELS[task] for task in ("like", "watch")}
    with caplog.at_level(logging.WARNING):
        found = [asked.report("epoch: 0", PREDICTIONS, labels, facts=FACTS) for _ in range(2)]
    assert found[0]["watch"] == {"rows": (LABELS["watch"] >= 0).sum()}
    assert caplog.messages == [
        "runner.metrics: no task has macro_auc, poisson_deviance; the tasks are like (binary), "
        "watch (regression)",
        "watch is a regression task and has none of runner.metrics; it may have calibration, xauc, "
        "spearman, mae, rmse, r2",
    ]


def test_a_threshold_is_that_of_the_configuration():
    kept = LABELS["like"] >= 0
    found = TaskMetrics(["precision"], threshold=0.8).report(
        "epoch: 0", PREDICTIONS, {"like": LABELS["like"]}, facts=FACTS
    )
    guess = PREDICTIONS["like"][kept] > 0.8
    expected = sklearn_metrics.precision_score(LABELS["like"][kept], guess)
    assert found["like"]["precision"] == pytest.approx(expected, abs=1e-9)


def test_slices_are_the_metrics_of_the_rows_of_a_value(caplog):
    values = RNG.choice([0, 0, 0, 1, 1, -1], ROWS)
    slices = Slices("tab", values, ["main", "other"])
    asked = TaskMetrics(["auc", "mae"], weighted=True, slices=slices)
    with caplog.at_level(logging.INFO):
        found = asked.report("epoch: 2", PREDICTIONS, LABELS, WEIGHTS, FACTS)
    assert found["watch"]["slices"]["column"] == "tab"
    for place, name in enumerate(["main", "other"]):
        for task, metric, theirs in [
            ("like", "auc", sklearn_metrics.roc_auc_score),
            ("watch", "mae", sklearn_metrics.mean_absolute_error),
        ]:
            kept = (LABELS[task] >= 0) & (values == place)
            labels, predicted = LABELS[task][kept], PREDICTIONS[task][kept]
            expected = theirs(labels, predicted, sample_weight=WEIGHTS[task][kept])
            of_value = found[task]["slices"]["values"][name]
            assert of_value[metric] == pytest.approx(expected, abs=1e-5)
            line = f"epoch: 2, {task}, tab = {name} on {kept.sum()} rows of weight "
            assert line in caplog.text
    assert f"epoch: 2, tab: {(values < 0).sum()} rows without a value" in caplog.text


def test_the_largest_values_have_lines_and_the_rest_is_counted(caplog):
    values = np.repeat(np.arange(25), np.arange(1, 26))  # value n has n + 1 rows
    labels, scores = {"like": np.arange(325) % 2}, {"like": np.linspace(0, 1, 325)}
    asked = TaskMetrics(["auc"], slices=Slices("user", values, []))
    with caplog.at_level(logging.INFO):
        found = asked.report("epoch: 0", scores, labels)["like"]["slices"]
    assert list(found["values"]) == [str(value) for value in range(24, 4, -1)]
    assert (found["more_values"], found["more_rows"]) == (5, 1 + 2 + 3 + 4 + 5)
    assert "epoch: 0, user: 5 more values on 15 rows" in caplog.text


def test_the_rows_of_values_must_be_those_read():
    asked = TaskMetrics(["auc"], slices=Slices("user", np.zeros(3, int), []))
    with pytest.raises(UserError, match=r"runner\.slice_by: .* for 3 rows, but it yielded 2"):
        asked.report("epoch: 0", {"like": np.zeros(2)}, {"like": np.zeros(2, int)})


def test_a_reader_may_name_its_groups():
    class Named:
        def group_names(self, column):
            return [f"{column} {number}" for number in range(2)]

    assert RowSource(Named(), "my_reader", 2, None).group_names("tab") == ["tab 0", "tab 1"]
    assert RowSource(object(), "my_reader", 2, None).group_names("tab") == []


class Session:
    """Batches are numbers of rows; `like` has no label at all."""

    def __init__(self, weights=True):
        self._weights = weights
        self.asked = 0

    def task_facts(self):
        return FACTS

    def labels(self, batch):
        self.asked += 1
        return {**{task: values[batch] for task, values in LABELS.items()}, "like": -np.ones(2)}

    def weights(self, batch):
        return {task: values[batch] for task, values in WEIGHTS.items()} if self._weights else None

    def predict(self, batch):
        return {name: values[batch] for name, values in PREDICTIONS.items()}

    def infer_step(self, batch, clock):
        return {}


def test_a_task_without_labels_is_predicted_and_not_evaluated(caplog):
    session = Session()
    session.labels = lambda batch: {
        task: np.full(2, -100 if task == "like" else np.nan if task == "watch" else 1.0)
        for task in LABELS
    }
    presence = LabelPresence(session, World())
    step = presence.noting(lambda batch, clock: {})
    for start in (0, 2):
        step(slice(start, start + 2), Clock())
    presence.gather()
    metrics = {"auc_like": np.nan, "acc_mood": 0.5, "mae_watch": np.nan, "xauc_watch": np.nan}
    assert presence.evaluated({**metrics, "auc_likes": 0.6}) == {"acc_mood": 0.5, "auc_likes": 0.6}
    with caplog.at_level(logging.INFO):
        presence.log()
    assert caplog.messages == [
        "task like: no labels in the test data: predicted, not evaluated",
        "task watch: no labels in the test data: predicted, not evaluated",
    ]
    labels = {"like": np.full(3, -100), "gifts": np.ones(3)}
    found = TaskMetrics(["auc", "mae"]).report("epoch: 0", PREDICTIONS_3, labels, facts=FACTS)
    assert list(found) == ["gifts"]


PREDICTIONS_3 = {name: values[:3] for name, values in PREDICTIONS.items()}


def test_what_another_process_saw_counts():
    class Others(World):
        size = 2

        def all_reduce(self, arrays):
            return [arrays[0] + np.array([0.0, 1.0, 1.0, 1.0])]  # it saw a label of like only

    presence = LabelPresence(Session(), Others())
    assert presence.evaluated({"auc_like": 0.5}) == {"auc_like": 0.5}  # not known yet
    presence.gather()
    assert presence.evaluated({"auc_like": 0.5, "acc_mood": np.nan}) == {"auc_like": 0.5}


def test_weights_are_collected_by_row_and_have_to_be_declared():
    table = Predictions(labels=True, weights=True)
    step = table.collecting_step(Session())
    for start in (0, 2):
        step(slice(start, start + 2), Clock())
    np.testing.assert_array_equal(table.weights["watch"], WEIGHTS["watch"][:4])
    with pytest.raises(UserError, match="no sample weights are declared; set hyper"):
        Predictions(weights=True).collecting_step(Session(weights=False))(slice(2), Clock())


def test_an_ensemble_has_the_metrics_of_its_tasks_types():
    assert main_names(FACTS) == ["auc", "logloss", "acc", "mae", "xauc"]
    assert main_names(None) == ["auc", "logloss"]
