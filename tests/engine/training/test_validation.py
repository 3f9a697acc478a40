"""Validation during training, the best checkpoint, and early stopping."""

import json
import logging
import os

import numpy as np
import pytest

from engine.checkpoints import facts as facts_of
from engine.checkpoints import formats, layout
from engine.config.load import load_config
from engine.data import sources
from engine.deployment.export import dygraph_export
from engine.evaluation import evaluator
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.system import interrupts
from engine.system.errors import UserError
from engine.training import loop
from engine.training.early_stopping import EarlyStopping, lower_is_better

GRAPHS = {"dygraph": DygraphSession, "static": lambda config: StaticSession(config, training=True)}
PREFIX = {"dygraph": "rec", "static": "rec_static"}
OPTIONS = ["runner.epochs=2", "runner.train_batch_size=40", "hyper_parameters.dropout=0.2"]
OPTIONS += ["runner.infer_batch_size=64"]  # the last batch of 200 rows is smaller


@pytest.fixture
def settings(configure, tmp_path):
    """Configurations with the sample's test rows as validation rows."""

    def make(name, *more, valid=True):
        config = configure("mmoe", *OPTIONS)
        chosen = [f"runner.valid_data_dir={config.runner('test_data_dir')}"] if valid else []
        folder = f"runner.model_save_path={tmp_path / name}"
        return configure("mmoe", *OPTIONS, *chosen, folder, *more)

    return make


def train(graph, config):
    return loop.train(GRAPHS[graph](config), config, sources.training_source(config))


def parts(graph, config, name="1"):
    folder = os.path.join(config.runner("model_save_path"), name)
    return {
        part: formats.read(layout.path_of(folder, PREFIX[graph], part))
        for part in ("pdparams", "pdopt")
    }


def facts(graph, config, name="1"):
    folder = os.path.join(config.runner("model_save_path"), name)
    return facts_of.read(folder, PREFIX[graph])


def assert_same(found, expected):
    for part, content in expected.items():
        assert content.keys() == found[part].keys()
        for name, value in content.items():
            np.testing.assert_array_equal(found[part][name], value, err_msg=name)


@pytest.mark.parametrize("graph", GRAPHS)
def test_validation_does_not_change_training(graph, settings, caplog):
    without = settings("without", valid=False)
    plain = train(graph, without)
    config = settings("with", "runner.valid_interval=2")
    with caplog.at_level(logging.INFO):
        summary = train(graph, config)
    assert_same(parts(graph, config), parts(graph, without))
    assert summary.metrics == plain.metrics
    assert not plain.valid
    assert len(summary.valid) >= 4
    lines = [line for line in caplog.messages if line.startswith("valid: ")]
    assert len(lines) == len(summary.valid)
    first = summary.valid[0, 2]
    assert f"valid: epoch: 0, batch_id: 1, auc_income: {first['auc_income']:.6f}, " in lines[0]


@pytest.mark.parametrize("graph", GRAPHS)
def test_metrics_are_those_of_infer(graph, settings):
    config = settings("run", "runner.infer_end_epoch=2")
    root = config.runner("model_save_path")
    summary = train(graph, config)
    config = settings("run", "runner.infer_end_epoch=2", f"runner.infer_load_path={root}")
    session = DygraphSession(config) if graph == "dygraph" else StaticSession(config, False)
    tested = evaluator.evaluate(session, config, sources.evaluation_source(config))
    assert list(tested.metrics.values()) == list(summary.valid.values())
    means = [np.mean(list(metrics.values())) for metrics in summary.valid.values()]
    best = settings("run", "runner.infer_checkpoint=best", f"runner.infer_load_path={root}")
    found = evaluator.evaluate(session, best, sources.evaluation_source(best)).metrics
    assert found == {int(np.argmax(means)): tested.metrics[int(np.argmax(means))]}
    assert facts(graph, best, "best")["valid"] == found[int(np.argmax(means))]


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("strikes", [3, 5, 14])
def test_a_resumed_run_knows_the_best(graph, strikes, settings, signal_at):
    """The signal comes after a step or inside an evaluation."""
    more = ("runner.valid_interval=2", "runner.infer_batch_size=40")
    uninterrupted = settings("uninterrupted", *more)
    train(graph, uninterrupted)
    config = settings("resumed", *more, "runner.resume=True")
    interrupted = pytest.raises(interrupts.Interrupted, match=r"runner.resume=True continues there")
    with signal_at(strikes), interrupted:
        train(graph, config)
    train(graph, config)
    assert_same(parts(graph, config), parts(graph, uninterrupted))
    assert_same(parts(graph, config, "best"), parts(graph, uninterrupted, "best"))
    for name in ("1", "best"):
        assert (
            facts(graph, config, name)["controls"] == facts(graph, uninterrupted, name)["controls"]
        )


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("inside", [False, True])
def test_the_run_stops_without_improvement(graph, inside, settings, caplog):
    more = ["runner.epochs=9", "runner.early_stopping_min_delta=1", "runner.keep_checkpoints=1"]
    more.append(f"runner.valid_interval={2 * inside}")
    config = settings("run", *more, "runner.early_stopping_patience=2")
    root = config.runner("model_save_path")
    with caplog.at_level(logging.INFO):
        summary = train(graph, config)
    assert len(summary.valid) == 3
    assert "stopped early: 2 evaluations were no better" in caplog.messages
    last = "interrupted" if inside else "2"
    assert {last, "best"} <= set(os.listdir(root))
    before = parts(graph, config, last)
    again = settings("run", *more, "runner.early_stopping_patience=2", "runner.resume=True")
    assert train(graph, again).rows == 0
    assert_same(parts(graph, config, last), before)
    longer = settings("run", *more, "runner.early_stopping_patience=3", "runner.resume=True")
    assert len(train(graph, longer).valid) == 1


def test_the_best_checkpoint_is_exported(settings):
    config = settings("run")
    train("dygraph", config)
    root = config.runner("model_save_path")
    best = settings("run", "runner.infer_checkpoint=best", f"runner.infer_load_path={root}")
    dygraph_export.export_checkpoint(best)
    assert "tostatic.pdiparams" in os.listdir(f"{root}/best")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["runner.valid_metric=auc_incom"], "marital; did you mean 'auc_income'"),
        (["runner.reader_type=CustomizeDataLoader"], "the model chooses its rows itself"),
        (["runner.valid_reader_path=nothing"], "nothing"),
        (["runner.valid_data_dir=/nowhere"], "there is no folder or file /nowhere"),
    ],
)
def test_invalid_keys_are_errors_before_training(settings, options, problem, written):
    before = written()
    with pytest.raises(UserError, match=problem):
        train("dygraph", settings("run", *options))
    assert written() == before


def test_a_missing_best_checkpoint_is_an_error(settings):
    config = settings("run", "runner.infer_checkpoint=best")
    with pytest.raises(
        UserError, match=r"runner.infer_checkpoint = 'best': there is no checkpoint"
    ):
        evaluator.evaluate(DygraphSession(config), config, sources.evaluation_source(config))


def stopping(tmp_path, **values):
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({"runner": {"valid_data_dir": "rows", **values}}))
    return EarlyStopping(load_config(str(path)))


def test_evaluations_by_hand(tmp_path):
    watch = stopping(tmp_path, early_stopping_patience=2, early_stopping_min_delta=0.01)
    found = []
    for epoch, (one, other) in enumerate([(0.5, 0.7), (0.605, 0.605), (0.7, 0.6), (0.9, 0.3)]):
        found.append(watch.update({"auc_a": one, "auc_b": other, "loss": 9.0 * epoch}, (epoch, 3)))
    assert found == [True, False, True, False]
    assert (watch.best, watch.place, watch.waited, watch.stopped) == (
        pytest.approx(0.65),
        (2, 3),
        1,
        False,
    )
    other = stopping(tmp_path, early_stopping_patience=2, early_stopping_min_delta=0.01)
    other.load(json.loads(json.dumps(watch.state())))
    assert other.state() == watch.state()
    assert not other.update({"auc_a": float("nan"), "auc_b": 1.0}, (4, 3))
    assert other.stopped


def test_of_a_loss_lower_is_better(tmp_path):
    watch = stopping(tmp_path, valid_metric="log_loss")
    values = (0.5, 0.6, 0.4)
    assert [watch.update({"log_loss": v, "auc": v}, (0, 1)) for v in values] == [True, False, True]


NAN = float("nan")


def test_the_mean_leaves_out_what_is_undefined_in_the_first_evaluation(tmp_path):
    """By hand: the mean stays that of auc_b, also after a resume or if auc_a gets a value."""
    watch = stopping(tmp_path, early_stopping_patience=3)
    assert watch.update({"auc_a": NAN, "auc_b": 0.7}, (0, 1))
    assert watch.best == 0.7
    other = stopping(tmp_path, early_stopping_patience=3)
    other.load(json.loads(json.dumps(watch.state())))
    assert other.update({"auc_a": 0.1, "auc_b": 0.75}, (1, 1))
    assert other.best == 0.75
    assert not other.update({"auc_a": 0.9, "auc_b": NAN}, (2, 1))
    assert other.waited == 1


@pytest.mark.parametrize(
    ("values", "metrics", "name"),
    [
        ({"valid_metric": "auc_a"}, {"auc_a": NAN, "auc_b": 0.7}, "auc_a"),
        ({"early_stopping_patience": 1}, {"auc_a": NAN, "auc_b": NAN}, "auc_a, auc_b"),
    ],
)
def test_a_metric_that_is_needed_and_undefined_is_an_error(tmp_path, values, metrics, name):
    watch = stopping(tmp_path, **values)
    with pytest.raises(UserError, match=rf"valid_metric.*: {name} is nan on the rows of runner.v"):
        watch.update(metrics, (0, 1))


def test_an_undefined_mean_that_nothing_needs_is_never_the_best(tmp_path):
    watch = stopping(tmp_path)
    assert not watch.update({"auc_a": NAN, "auc_b": NAN}, (0, 1))
    assert watch.best is None
    assert watch.update({"auc_a": NAN, "auc_b": 0.6}, (1, 1))
    assert watch.best == 0.6


@pytest.mark.parametrize(
    ("name", "lower"),
    [
        ("loss", True),
        ("avg_cost", True),
        ("logloss_income", True),
        ("logloss_auc", True),  # of a task called auc
        ("log loss", True),
        ("RMSE", True),
        ("mae", True),
        ("mape", True),
        ("sMAPE", True),
        ("rmsle", True),
        ("nll", True),
        ("brier", True),
        ("Brier score", True),
        ("perplexity", True),
        ("ppl", True),
        ("deviance_income", True),
        ("bce", True),
        ("cross_entropy", True),
        ("kl_divergence", True),
        ("ece", True),
        ("ECE@15", True),
        ("mce", True),
        ("calibration error", True),
        ("MeanSquaredError", True),
        ("err", True),
        ("piece", False),
        ("ndcg", False),
        ("map", False),
        ("recall", False),
        ("calibration", False),
        ("auc_loss", False),
        ("lossless_auc", False),
        ("accuracy", False),
        ("acc_left", False),
        ("gauc", False),
    ],
)
def test_the_name_says_whether_lower_is_better(name, lower):
    assert lower_is_better(name) == lower


def test_a_mean_of_losses_is_an_error(settings):
    stopping = EarlyStopping(settings("run"))
    with pytest.raises(UserError, match=r"lower is better for loss, mse: name a single metric"):
        stopping.check(["loss", "mse"])
    stopping.check(["loss", "auc_income"])  # the mean is that of the AUC alone


@pytest.mark.parametrize("graph", GRAPHS)
def test_another_metric_is_not_compared_with_the_old_one(graph, settings, caplog):
    caplog.set_level(logging.INFO)
    train(graph, settings("run", "runner.epochs=1", "runner.valid_metric=auc_marital"))
    again = settings("run", "runner.resume=True", "runner.valid_metric=auc_income")
    summary = train(graph, again)
    assert "early stopping starts again: the metric or the validation rows changed" in caplog.text
    (found,) = summary.valid.values()
    assert facts(graph, again, "best")["epoch"] == 1
    assert facts(graph, again)["controls"]["early_stopping"]["best"] == found["auc_income"]


@pytest.mark.parametrize("graph", GRAPHS)
def test_an_early_stop_after_the_last_batch_ends_the_epoch(graph, settings):
    more = ["runner.epochs=9", "runner.early_stopping_min_delta=1", "runner.valid_interval=10"]
    config = settings("run", *more, "runner.early_stopping_patience=1")
    summary = train(graph, config)  # of ten batches an epoch: both evaluations are at an end
    assert list(summary.valid) == [(0, 10), (1, 10)]
    assert list(summary.metrics) == [0, 1]
    kept = {"config.yaml", "training_data.json"}
    assert set(os.listdir(config.runner("model_save_path"))) == {"0", "1", "best", *kept}


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("content", ["nonsense {", "{}", "plausible"])
def test_a_facts_file_in_the_current_folder_is_not_read(
    graph, content, settings, tmp_path, monkeypatch
):
    """A run without a checkpoint to resume starts from scratch, wherever it starts."""
    folder = tmp_path / "current"
    folder.mkdir()
    if content == "plausible":  # an early stop, as a checkpoint of this run would record it
        rows = 200  # of the sample's test set
        content = json.dumps(
            {
                "saved_at": 1.0,
                "controls": {
                    "early_stopping": {"best": 2.0, "place": [0, 1], "waited": 9},
                    "judged_by": ["mean", rows],
                    "evaluated": [0, 10],
                },
            }
        )
    (folder / f"{PREFIX[graph]}.json").write_text(content)
    monkeypatch.chdir(folder)
    more = ["runner.epochs=1", "runner.resume=True", "runner.early_stopping_patience=2"]
    summary = train(graph, settings("run", *more))
    assert list(summary.valid) == [(0, 10)]
    assert 0 < summary.best.value < 1
    assert summary.best[:2] == (0, 10)
