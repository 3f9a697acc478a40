"""Metrics as paddle_infer.py prints them, and as scikit-learn computes them."""

import re

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score


def printed_metrics(stdout):
    """Metrics by task: {"income": {"auc": 0.9, "log loss": 0.2}}."""
    found = {}
    for task, text in re.findall(r"^(\w+): ((?:auc|accuracy) .*)$", stdout, re.MULTILINE):
        pairs = re.findall(r"([a-z ]+?) ([\d.]+|nan)(?:, |$)", text)
        found[task] = {name: float(value) for name, value in pairs}
    return found


def expected_metrics(labels, probabilities):
    """By scikit-learn, of P(label = 1) ``[n]`` or of probabilities ``[n, classes]``."""
    if probabilities.ndim == 1:
        quality = {"auc": roc_auc_score(labels, probabilities)}
        return {**quality, "log loss": log_loss(labels, probabilities, labels=[0, 1])}
    classes = range(probabilities.shape[1])
    normalised = probabilities / probabilities.sum(axis=1, keepdims=True)
    accuracy = accuracy_score(labels, probabilities.argmax(axis=1))
    return {"accuracy": accuracy, "log loss": log_loss(labels, normalised, labels=classes)}


def read_columns(path):
    """The columns of a CSV by name, in float64."""
    table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    return dict(zip(path.read_text().splitlines()[0].split(","), table.T))


def assert_agree(found, expected):
    assert list(found) == list(expected)
    for task, values in expected.items():
        assert found[task] == pytest.approx(values, abs=2e-6), task
