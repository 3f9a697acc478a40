"""Rates of a table in every command: they tell what keys are like, and they tell no own label."""

import csv
import re

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from datasets.example_table import rated
from datasets.readers.rates.daily_sums import NEVER, DailySums
from engine.model_folder import loading

YAML = f"{loading.REPOSITORY}/models/multitask/mmoe/config_rates.yaml"
COUNTS = (6_000, 1_500)


@pytest.fixture
def run(run_command, tmp_path, monkeypatch):
    """Runs a command with the shipped YAML on 6,000 rows of 100 users; returns its output."""
    monkeypatch.setattr(rated, "USERS", 100)
    monkeypatch.setattr(rated, "ITEMS", 50)
    rated.write(tmp_path, 1, COUNTS)
    options = [
        f"runner.train_data_dir={tmp_path / 'train'}",
        f"runner.test_data_dir={tmp_path / 'test'}",
        f"runner.model_save_path={tmp_path / 'output'}",
        "runner.train_batch_size=64",
    ]

    def with_options(name, *more, other=()):
        done = run_command(name, "-m", YAML, *other, "-o", *options, *more)
        assert done.code == 0, done.stderr
        return done.stdout + done.stderr

    return with_options


def auc(log):
    """The AUC in the last line of an epoch."""
    return float(re.findall(r"done, auc_click: ([\d.]+)", log)[-1])


def test_rates_of_earlier_days_predict_later_days(run, tmp_path):
    """The labels follow from users and items alone; dygraph, static graph and export agree."""
    log = run("trainer")
    assert "rates by date: 8 training days, 2024-03-01 to 2024-03-08" in log
    assert re.search(r"user_id_tab_click_rate +dense +6000", log)
    columns, expected = rated.rows(1, 1, COUNTS[1])
    best = roc_auc_score(columns["click"], expected)
    found = auc(run("infer"))
    assert 0.74 < best - 0.05 < found < best + 0.01
    assert auc(run("static_infer")) == pytest.approx(found, abs=1e-4)
    run("to_static")
    predictions = tmp_path / "predictions.csv"
    run("paddle_infer", other=("--save_predictions", predictions))
    with open(predictions, newline="") as file:
        scores = [float(row["click"]) for row in csv.DictReader(file)]
    assert roc_auc_score(columns["click"], scores) == pytest.approx(found, abs=1e-3)
    # Training files are not read as in training by another command, and that is said.
    train = tmp_path / "train" / "train.csv"
    log = run("infer", f"runner.test_data_dir={train.parent}")
    assert f"1 training files, such as {train}, are read as other rows" in log
    assert "are read as other rows" not in run("trainer", "runner.resume=True", "runner.epochs=4")


@pytest.mark.parametrize("leaks", [False, True])
def test_random_labels_are_not_learned_from_rates(run, tmp_path, monkeypatch, leaks):
    """Rates that count the row's own day, as a check of this test, are learned."""
    draw = np.random.default_rng(0)
    for split, count in zip(("train", "test"), COUNTS):
        path = tmp_path / split / f"{split}.csv"
        lines = path.read_text().splitlines()
        noise = [f"{draw.integers(2)},,{draw.integers(2_000)}" for _ in range(count)]
        lines[1:] = [",".join([head, *line.split(",")[3:]]) for head, line in zip(noise, lines[1:])]
        path.write_text("\n".join(lines) + "\n")
    if leaks:
        monkeypatch.setattr(
            DailySums,
            "other_days",
            lambda self, key, day, smoothing: self.earlier_days(key, day * 0 + NEVER, smoothing),
        )
    click = "hyper_parameters.tasks=[{name: click, label_column: 0}]"
    log = run("trainer", click, "hyper_parameters.gate_num=1", "runner.cache_dir=" + str(tmp_path))
    assert (auc(log) > 0.65) if leaks else (0.46 < auc(log) < 0.54)
    if not leaks:
        assert 0.46 < auc(run("infer", click, "hyper_parameters.gate_num=1")) < 0.54
