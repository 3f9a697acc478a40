"""Evaluations of a table with tasks of every type, some labels missing, and sample weights."""

import csv
import json
import logging
import re

import numpy as np
import pytest
import yaml
from sklearn import metrics as sklearn_metrics

from engine.config.load import load_config
from engine.data import encoding, sources
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.model_folder import loading
from engine.training import loop

FOLDER = f"{loading.REPOSITORY}/models/multitask/mmoe"
NAMES = ["click", "like", "watch", "mood", "gifts", "weight", "age", "tab"]
TASKS = [
    {"name": "click", "label_column": 0},
    {"name": "like", "label_column": 1},
    {"name": "watch", "label_column": 2, "type": "regression", "transform": "log1p"},
    {"name": "mood", "label_column": 3, "type": "multiclass", "classes": ["bad", "good", "fair"]},
    {"name": "gifts", "label_column": 4, "type": "count"},
]
TASKS[2]["rows"] = "click"
ASKED = "[auc,f1,macro_auc,logloss,xauc,rmse,poisson_deviance]"


def rows_of(count, seed):
    """Returns columns; an empty text is a missing label."""
    rng = np.random.default_rng(seed)
    age = rng.normal(size=count)
    columns = {
        "click": rng.random(count) < 1 / (1 + np.exp(-2 * age)),
        "like": rng.random(count) < 1 / (1 + np.exp(1 - age)),
        "watch": np.exp(age + 0.3 * rng.normal(size=count)),
        "mood": np.array(["bad", "fair", "good"])[
            np.digitize(age + rng.normal(size=count), [-1, 1])
        ],
        "gifts": rng.poisson(np.exp(0.5 * age)),
        "weight": rng.exponential(size=count) + 0.1,
        "age": age,
        "tab": rng.choice(["main", "other"], count),
    }
    texts = {
        name: [f"{value:g}" for value in columns[name]] for name in NAMES if name not in "mood tab"
    }
    texts.update(mood=list(columns["mood"]), tab=list(columns["tab"]))
    for name in ("like", "watch"):
        texts[name] = [text if rng.random() < 0.7 else "" for text in texts[name]]
    return texts


def write(path, columns, without=()):
    path.parent.mkdir(exist_ok=True)
    names = [name for name in NAMES if name not in without]
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *zip(*(columns[name] for name in names))])


@pytest.fixture
def table(tmp_path):
    """The YAML of the table; the test files have 300 rows, and one lacks a label."""
    folder = tmp_path / "mmoe"
    folder.mkdir()
    for name in ("dygraph_model.py", "static_model.py", "net.py", "table_reader.py"):
        (folder / name).symlink_to(f"{FOLDER}/{name}")
    write(tmp_path / "train" / "rows.csv", rows_of(600, 0))
    write(tmp_path / "test" / "rows.csv", rows_of(300, 1))
    write(tmp_path / "unlabelled" / "rows.csv", rows_of(300, 1), without=["like", "mood"])
    runner = {
        "train_data_dir": str(tmp_path / "train"),
        "test_data_dir": str(tmp_path / "test"),
        "valid_data_dir": str(tmp_path / "test"),
        "train_reader_path": "table_reader",
        "train_batch_size": 50,
        "infer_batch_size": 64,
        "epochs": 2,
        "infer_start_epoch": 1,
        "infer_end_epoch": 2,
        "model_save_path": str(tmp_path / "output"),
        "infer_load_path": str(tmp_path / "output"),
    }
    columns = {"labels": NAMES[:5], "sample_weight": "weight", "dense": ["age"], "sparse": ["tab"]}
    hyper = {"table": columns, "tasks": TASKS, "gate_num": 5, "expert_num": 2, "expert_size": 8}
    hyper.update(tower_size=8, optimizer={"class": "Adam", "learning_rate": 0.02})
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"runner": runner, "hyper_parameters": hyper}))
    return path


def numbers(column):
    return np.array([float(text) if text else np.nan for text in column])


@pytest.mark.parametrize("graph", ["dygraph", "static"])
def test_metrics_of_every_type_agree_with_scikit_learn(graph, table, run_command, tmp_path):
    train, infer = (
        ("trainer", "infer") if graph == "dygraph" else ("static_trainer", "static_infer")
    )
    trained = run_command(train, "-m", table, "-o", "runner.valid_metric=rmse_watch")
    assert trained.code == 0, trained.stderr
    path, predictions = tmp_path / "metrics.json", tmp_path / "predictions.csv"
    saved = [f"runner.save_metrics={path}", f"runner.save_predictions={predictions}"]
    options = [f"runner.metrics={ASKED}", "runner.weighted_metrics=True", "runner.slice_by=tab"]
    done = run_command(infer, "-m", table, "-o", *options, *saved)
    assert done.code == 0, done.stderr
    with open(predictions, encoding="utf-8") as file:
        guess = {name: numbers(column) for name, *column in zip(*csv.reader(file))}
    assert list(guess) == ["click", "like", "watch", "mood_bad", "mood_good", "mood_fair", "gifts"]
    found = json.loads(path.read_text())["epochs"]["1"]["tasks"]
    truth = rows_of(300, 1)
    weights = numbers(truth["weight"])
    like, clicked = numbers(truth["like"]), numbers(truth["click"]) == 1

    kept = ~np.isnan(like)
    expected = sklearn_metrics.roc_auc_score(
        like[kept], guess["like"][kept], sample_weight=weights[kept]
    )
    assert found["like"]["rows"] == kept.sum() < 300
    assert found["like"]["auc"] == pytest.approx(expected, abs=1e-6)

    watch = numbers(truth["watch"])
    kept = ~np.isnan(watch) & clicked
    pair = watch[kept], guess["watch"][kept]
    expected = sklearn_metrics.root_mean_squared_error(*pair, sample_weight=weights[kept])
    assert found["watch"]["rows"] == kept.sum()
    assert found["watch"]["rmse"] == pytest.approx(expected, rel=1e-5)
    assert 0.7 < found["watch"]["xauc"] < 1
    valid = sklearn_metrics.root_mean_squared_error(*pair)  # that of training is not weighted
    shown = float(re.findall(r"rmse_watch: ([0-9.]+)", trained.log)[-1])
    assert shown == pytest.approx(valid, abs=1e-5)

    names = TASKS[3]["classes"]
    mood = np.array([names.index(text) for text in truth["mood"]])
    chances = np.stack([guess[f"mood_{name}"] for name in names], axis=1)
    chances /= chances.sum(axis=1, keepdims=True)  # nine digits were saved
    expected = sklearn_metrics.log_loss(mood, chances, sample_weight=weights, labels=range(3))
    assert found["mood"]["logloss"] == pytest.approx(expected, abs=1e-5)

    kept = np.array(truth["tab"]) == "other"
    gifts = numbers(truth["gifts"])[kept], guess["gifts"][kept]
    expected = sklearn_metrics.mean_poisson_deviance(*gifts, sample_weight=weights[kept])
    of_tab = found["gifts"]["slices"]["values"]["other"]
    assert of_tab["poisson_deviance"] == pytest.approx(expected, abs=1e-5)
    assert f"epoch: 1, gifts, tab = other on {kept.sum()} rows of weight " in done.log

    options = [f"runner.test_data_dir={tmp_path / 'unlabelled'}", "runner.metrics=[auc,acc,mae]"]
    done = run_command(infer, "-m", table, "-o", *options, *saved)
    assert done.code == 0, done.stderr
    for task in ("like", "mood"):
        assert f"task {task}: no labels in the test data: predicted, not evaluated" in done.log
        assert f"_{task}: " not in done.log
    assert ":nan" not in done.log
    assert ": nan" not in done.log
    again = json.loads(path.read_text())["epochs"]["1"]
    assert list(again["tasks"]) == ["click", "watch", "gifts"]
    assert sorted(again["metrics"]) == [
        "auc_click",
        "mae_gifts",
        "mae_watch",
        "xauc_gifts",
        "xauc_watch",
    ]
    with open(predictions, encoding="utf-8") as file:
        assert next(csv.reader(file)) == list(guess)


def test_an_ensemble_takes_the_mean_of_numbers_and_of_probabilities(table, run_command, tmp_path):
    runs, each = [tmp_path / "one", tmp_path / "two"], []
    path, predictions = tmp_path / "metrics.json", tmp_path / "predictions.csv"

    def predicted():
        with open(predictions, encoding="utf-8") as file:
            return {name: numbers(column) for name, *column in zip(*csv.reader(file))}

    saved = [f"runner.save_predictions={predictions}", "runner.valid_data_dir=null"]
    for seed, run in enumerate(runs):
        options = [f"runner.model_save_path={run}", f"runner.infer_load_path={run}", *saved]
        for command in ("trainer", "infer"):
            done = run_command(command, "-m", table, "-o", *options, f"runner.seed={seed}")
            assert done.code == 0, done.stderr
        each.append(predicted())
    options = [*saved, f"runner.save_metrics={path}"]
    done = run_command("ensemble", "-m", table, "--runs", *runs, "-o", *options)
    assert done.code == 0, done.stderr
    means = predicted()
    assert list(means) == list(each[0])
    for name, values in means.items():
        expected = (each[0][name] + each[1][name]) / 2
        np.testing.assert_allclose(values, expected, rtol=1e-6)
    truth = rows_of(300, 1)
    watch = numbers(truth["watch"])
    kept = ~np.isnan(watch) & (numbers(truth["click"]) == 1)
    expected = sklearn_metrics.mean_absolute_error(watch[kept], means["watch"][kept])
    found = json.loads(path.read_text())["tasks"]["watch"]
    assert found["mae"] == pytest.approx(expected, rel=1e-5)
    assert f"mean of 2, watch on {kept.sum()} rows, xauc: {found['xauc']:.6f}, mae: " in done.log


@pytest.mark.parametrize("graph", [DygraphSession, lambda config: StaticSession(config, True)])
def test_the_mean_of_mixed_tasks_is_that_of_aucs_accuracies_and_xaucs(graph, table, caplog):
    config = load_config(str(table), ["runner.epochs=1"], loading.hyper_parameters)
    config = encoding.complete_config(config)
    with caplog.at_level(logging.INFO):
        summary = loop.train(graph(config), config, sources.training_source(config))
    (metrics,) = summary.valid.values()
    assert list(metrics)[:4] == ["auc_click", "auc_like", "mae_watch", "xauc_watch"]
    used = [value for name, value in metrics.items() if not name.startswith("mae_")]
    assert summary.best.value == pytest.approx(np.mean(used), abs=1e-12)
