"""The catalogue of metrics: names, directions, and what a task's type has."""

import numpy as np
import pytest

from engine.config.runner_keys import METRICS as NAMES
from engine.evaluation.metrics import catalogue
from engine.evaluation.metrics.catalogue import METRICS
from engine.training.early_stopping import lower_is_better, metrics_in_mean


def test_the_catalogue_has_the_names_of_the_configuration():
    assert tuple(METRICS) == NAMES


def test_a_prediction_of_every_label_is_better_than_a_constant():
    """So the direction of every metric is right."""
    rng = np.random.default_rng(0)
    labels = {"binary": rng.integers(0, 2, 200), "multiclass": rng.integers(0, 3, 200)}
    labels["regression"] = labels["count"] = rng.poisson(3.0, 200) + 0.5
    for kind, truth in labels.items():
        good, poor = truth * 1.01, 4 + rng.random(200)
        if kind == "binary":
            good, poor = 0.05 + 0.9 * truth, 0.45 + 0.1 * (rng.random(200) < 0.5)
        elif kind == "multiclass":
            good, poor = 0.1 + 0.7 * np.eye(3)[truth], np.full((200, 3), 1 / 3)
        groups = rng.integers(0, 5, 200)
        better = catalogue.Rows(truth, good, None, groups)
        worse = catalogue.Rows(truth, poor, None, groups)
        for name, metric in METRICS.items():
            if kind not in metric.types or name == "ece":
                continue
            one = catalogue.compute(name, better)[name]
            other = catalogue.compute(name, worse)[name]
            if metric.higher_is_better is None:
                assert lower_is_better(f"{name}_a") is False
            else:
                assert (one > other) == metric.higher_is_better, (name, kind, one, other)
                assert lower_is_better(f"{name}_a") != metric.higher_is_better


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("logloss_like", ("logloss", "like")),
        ("pr_auc_like", ("pr_auc", "like")),
        ("auc_pr_auc", ("auc", "pr_auc")),
        ("r2_error_rate", ("r2", "error_rate")),  # the task's words do not matter
        ("auc", None),
        ("log_loss", None),
    ],
)
def test_a_name_is_a_metric_and_a_task(name, expected):
    assert catalogue.split(name) == expected


def test_the_mean_of_tasks_of_several_types_leaves_out_errors():
    metrics = {"auc_click": 0.7, "acc_stars": 0.4, "mae_watch": 9.0, "xauc_watch": 0.6}
    assert metrics_in_mean(metrics) == ["auc_click", "acc_stars", "xauc_watch"]
    # Of a folder written for PaddleRec: all with auc in their names, else all.
    assert metrics_in_mean({"acc_a": 0.5, "AUC": 0.6}, typed=False) == ["AUC"]
    assert metrics_in_mean({"acc_a": 0.5, "f": 0.6}, typed=False) == ["acc_a", "f"]
