"""`runner.valid_metric`: rows of one class, losses, and what stays if an evaluation fails."""

import logging
import os

import numpy as np
import paddle
import pytest
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from engine.checkpoints import formats, layout
from engine.data import sources
from engine.evaluation.predictions import Predictions
from engine.evaluation.task_metrics import predictions_of
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.system.clock import Clock
from engine.system.errors import UserError
from engine.training import loop

GRAPHS = {"dygraph": DygraphSession, "static": lambda config: StaticSession(config, training=True)}
PREFIX = {"dygraph": "rec", "static": "rec_static"}
TASKS = "[{name: income, label_column: 1, weight: 0.5}, {name: marital, label_column: 0}]"
OPTIONS = ["runner.epochs=2", "runner.train_batch_size=40", "runner.infer_batch_size=64"]
OPTIONS += ["runner.print_interval=100"]


@pytest.fixture
def settings(configure, tmp_path):
    """Configurations whose validation rows are the sample's test rows, or those of one class."""

    def make(name, *more, one_class=False):
        test = configure("mmoe").runner("test_data_dir")[0]
        folder = tmp_path / "one_class"
        folder.mkdir(exist_ok=True)
        with open(os.path.join(test, os.listdir(test)[0])) as file:
            rows = [line for line in file if line.startswith("0,")]  # the label of marital
        (folder / "rows.txt").write_text("".join(rows))
        valid = f"runner.valid_data_dir={folder if one_class else test}"
        root = tmp_path / name
        roots = [f"runner.model_save_path={root}", f"runner.infer_load_path={root}"]
        return configure("mmoe", *OPTIONS, f"hyper_parameters.tasks={TASKS}", valid, *roots, *more)

    return make


def train(graph, config):
    return loop.train(GRAPHS[graph](config), config, sources.training_source(config))


def parameters(graph, config, name):
    folder = os.path.join(config.runner("model_save_path"), name)
    return formats.read(layout.path_of(folder, PREFIX[graph], "pdparams"))


def predicted(graph, config, name):
    """Returns the predictions and labels of a checkpoint on the validation rows."""
    session = DygraphSession(config) if graph == "dygraph" else StaticSession(config, False)
    session.load(parameters(graph, config, name), PREFIX[graph])
    session.start_epoch(training=False)
    table = Predictions(labels=True)
    step = table.collecting_step(session)
    for batch, _ in session.batches(sources.validation_source(config), 0):
        step(batch, Clock())
    return table.columns, table.labels


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_mean_leaves_out_a_task_with_one_class_and_warns_once(graph, settings, caplog):
    config = settings("run", one_class=True)
    with caplog.at_level(logging.WARNING):
        summary = train(graph, config)
    columns, labels = predicted(graph, config, "best")
    assert summary.best.value == pytest.approx(
        roc_auc_score(labels["income"], columns["income"]), abs=1e-4
    )
    assert set(labels["marital"]) == {0}
    warned = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert warned == [
        "auc_marital is nan: it is not defined, all its rows have the label 0: an AUC needs both; "
        "the mean leaves it out"
    ]
    assert {"0", "1", "best"} <= set(os.listdir(config.runner("model_save_path")))


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize(
    ("interval", "place"), [(0, "0"), (2, "interrupted")], ids=["epoch", "inside"]
)
def test_an_undefined_metric_ends_the_run_after_it_is_saved(graph, interval, place, settings):
    """The resumed run ends with the parameters of a run that nothing stopped."""
    interval = f"runner.valid_interval={interval}"
    config = settings("run", interval, "runner.valid_metric=auc_marital", one_class=True)
    folder = os.path.join(config.runner("model_save_path"), place)
    ending = rf"another metric; saved {folder}; runner\.resume=True continues there$"
    with pytest.raises(UserError, match=rf"auc_marital is nan on the rows of .*{ending}"):
        train(graph, config)
    assert place in os.listdir(config.runner("model_save_path"))
    resumed = settings("run", interval, "runner.resume=True", one_class=True)
    train(graph, resumed)
    whole = settings("whole", interval, one_class=True)
    train(graph, whole)
    expected = parameters(graph, whole, "1")
    for name, array in parameters(graph, resumed, "1").items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def test_a_failing_evaluation_leaves_the_epoch(settings, monkeypatch):
    """An error of the program keeps its type, for the traceback."""
    config = settings("run")

    def fail(*arguments):
        raise ZeroDivisionError

    monkeypatch.setattr(DygraphSession, "infer_step", fail)
    with pytest.raises(ZeroDivisionError):
        train("dygraph", config)
    assert {"0"} <= set(os.listdir(config.runner("model_save_path")))


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_log_loss_selects_the_evaluation_with_the_lowest(graph, settings, caplog):
    config = settings("run", "runner.valid_metric=logloss_income", "runner.valid_interval=3")
    with caplog.at_level(logging.INFO):
        summary = train(graph, config)
    values = [metrics["logloss_income"] for metrics in summary.valid.values()]
    assert len(values) > 2
    assert summary.best.value == min(values)
    columns, labels = predicted(graph, config, "best")
    assert summary.best.value == pytest.approx(
        log_loss(labels["income"], columns["income"].astype(np.float64)), abs=1e-6
    )
    shown = [line for line in caplog.messages if line.startswith("valid: ")]
    assert all("auc_marital: " in line and ", logloss_income: 0." in line for line in shown)


@pytest.mark.parametrize("graph", GRAPHS)
def test_any_metric_of_a_task_selects_the_evaluation_with_the_best(graph, settings):
    more = ["runner.valid_metric=f1_marital", "runner.threshold=0.3", "runner.valid_interval=5"]
    config = settings("run", *more)
    summary = train(graph, config)
    values = [metrics["f1_marital"] for metrics in summary.valid.values()]
    assert summary.best.value == max(values) > min(values)
    columns, labels = predicted(graph, config, "best")
    expected = f1_score(labels["marital"], columns["marital"] > 0.3)
    assert summary.best.value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_loss_is_the_weighted_sum_of_the_log_losses(graph, settings):
    """200 rows in batches of 64: the last one is smaller."""
    config = settings("run", "runner.valid_metric=loss")
    summary = train(graph, config)
    assert summary.best.value == min(metrics["loss"] for metrics in summary.valid.values())
    columns, labels = predicted(graph, config, "best")
    losses = [log_loss(labels[task], columns[task].astype(np.float64)) for task in columns]
    assert summary.best.value == pytest.approx(0.5 * losses[0] + losses[1], abs=1e-5)


def test_the_loss_has_what_the_net_adds_to_it(configure):
    """DSelect-k's penalty, which its gates alone determine; tasks of ten classes."""
    folder = configure("dselect_k").runner("test_data_dir")[0]
    more = [f"runner.valid_data_dir={folder}", "runner.epochs=1", "runner.valid_metric=loss"]
    config = configure("dselect_k", *OPTIONS, *more, "hyper_parameters.entropy=10.0")
    values = [train(graph, config).best.value for graph in GRAPHS]
    columns, labels = predicted("static", config, "best")
    losses = 0.0
    for task, truth in labels.items():
        probabilities = predictions_of(task, columns).astype(np.float64)
        losses += -np.log(probabilities[np.arange(len(truth)), truth]).mean()
    session = DygraphSession(config)
    session.load(parameters("static", config, "best"), "rec_static")
    batch, _ = next(session.batches(sources.validation_source(config), 0))
    logits = session.net.logits(session.net.features(batch.inputs[0]))
    penalty = session.net.loss(logits, batch.labels, paddle.zeros([1])).item()
    assert penalty > 1
    assert values[1] == pytest.approx(losses + penalty, rel=1e-4)
    assert values[0] == pytest.approx(values[1], rel=1e-3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("logloss_incom", "expected one of logloss_income, logloss_marital; did you mean"),
        (
            "mae_income",
            "mae is not defined for income, a binary task; expected one of auc_",
        ),
        (
            "calibration_income",
            "neither higher nor lower is better for calibration; expected",
        ),
        ("gauc_income", r"gauc needs runner\.gauc_column"),
        ("rmse", r"expected one of mean, auc_income, auc_marital, loss, logloss_<task>"),
    ],
)
def test_an_unknown_loss_is_refused_before_training(settings, written, name, expected):
    config = settings("run", f"runner.valid_metric={name}")
    before = written()
    with pytest.raises(UserError, match=expected):
        train("dygraph", config)
    assert written() == before
