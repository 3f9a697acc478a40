"""Losses of rows, gradients and predictions, compared with NumPy, SciPy and scikit-learn."""

import re

import numpy as np
import paddle
import pytest
from loss_results import GRAPHS, difference_quotients, results
from scipy import special, stats
from sklearn.metrics import log_loss, mean_pinball_loss

from models.common.tasks.losses import registry

RNG = np.random.default_rng(3)
ROWS = 12
CLASSES = np.array([0, 1] * 6).reshape(-1, 1)
FIVE = RNG.integers(0, 5, [ROWS, 1])
REAL = RNG.normal(0, 3, [ROWS, 1])
WATCHED = np.where(RNG.random([ROWS, 1]) < 0.4, 0.0, RNG.lognormal(1, 1, [ROWS, 1]))
COUNTS = RNG.poisson(3.0, [ROWS, 1]).astype(float)
THRESHOLDS = [0.5, 2.0, 4.0]
ORDINAL = {"name": "ordinal", "thresholds": THRESHOLDS}


def log_p(z, y):
    return np.take_along_axis(special.log_softmax(z, axis=-1), y, axis=-1)


def focal(gamma, alpha=None):
    def rows(z, y):
        p = np.take_along_axis(special.softmax(z, axis=-1), y, axis=-1)
        balance = 1 if alpha is None else np.where(y == 1, alpha, 1 - alpha)
        return -balance * (1 - p) ** gamma * np.log(p)

    return rows


def smoothed(share):
    def rows(z, y):
        classes = z.shape[-1]
        q = (1 - share) * np.eye(classes)[y[:, 0]] + share / classes
        return -(q * special.log_softmax(z, axis=-1)).sum(axis=-1, keepdims=True)

    return rows


def poisson(z, y):
    return -stats.poisson.logpmf(y, np.exp(z)) - special.gammaln(y + 1)


def weighted_logistic(z, y):
    return -y * np.log(special.expit(z)) - np.log(special.expit(-z))


def ziln(z, y):
    p, mu, sigma = special.expit(z[:, :1]), z[:, 1:2], np.logaddexp(0, z[:, 2:])
    positive = np.log(p) + stats.lognorm.logpdf(np.where(y > 0, y, 1), s=sigma, scale=np.exp(mu))
    return -np.where(y > 0, positive, np.log(1 - p))


def ordinal(z, y):
    above = y > np.array(THRESHOLDS)
    rows = [log_loss(a, special.expit(row), labels=[0, 1]) for a, row in zip(above, z)]
    return np.array(rows).reshape(-1, 1)


def pinball(q):
    def rows(z, y):
        return np.array([[mean_pinball_loss(a, b, alpha=q)] for a, b in zip(y, z)])

    return rows


# kind, classes, what the YAML says, label smoothing, labels, the loss of each row
CASES = {
    "cross_entropy": ("binary", 2, None, 0, CLASSES, lambda z, y: -log_p(z, y)),
    "softmax": ("multiclass", 5, "cross_entropy", 0, FIVE, lambda z, y: -log_p(z, y)),
    "smoothed": ("binary", 2, None, 0.1, CLASSES, smoothed(0.1)),
    "smoothed 5": ("multiclass", 5, None, 0.2, FIVE, smoothed(0.2)),
    "focal": ("binary", 2, "focal", 0, CLASSES, focal(2.0)),
    "focal 0": ("binary", 2, {"name": "focal", "gamma": 0}, 0, CLASSES, lambda z, y: -log_p(z, y)),
    "focal alpha": (
        "binary",
        2,
        {"name": "focal", "gamma": 0.5, "alpha": 0.25},
        0,
        CLASSES,
        focal(0.5, 0.25),
    ),
    "focal 5": ("multiclass", 5, {"name": "focal", "gamma": 1.5}, 0, FIVE, focal(1.5)),
    "squared": ("regression", 2, None, 0, REAL, lambda z, y: (z - y) ** 2),
    "absolute": ("regression", 2, "absolute", 0, REAL, lambda z, y: np.abs(z - y)),
    "huber": ("regression", 2, "huber", 0, REAL, lambda z, y: special.huber(1.0, z - y)),
    "huber 3": (
        "regression",
        2,
        {"name": "huber", "delta": 3},
        0,
        REAL,
        lambda z, y: special.huber(3.0, z - y),
    ),
    "log_cosh": ("regression", 2, "log_cosh", 0, REAL, lambda z, y: np.log(np.cosh(z - y))),
    "quantile": ("regression", 2, {"name": "quantile", "quantile": 0.9}, 0, REAL, pinball(0.9)),
    "ziln": ("regression", 2, "ziln", 0, WATCHED, ziln),
    "weighted_logistic": ("regression", 2, "weighted_logistic", 0, WATCHED, weighted_logistic),
    "ordinal": (
        "regression",
        2,
        {"name": "ordinal", "thresholds": THRESHOLDS},
        0,
        WATCHED,
        ordinal,
    ),
    "poisson": ("count", 2, None, 0, COUNTS, poisson),
}


@GRAPHS
@pytest.mark.parametrize("case", CASES)
def test_losses_and_gradients_are_those_of_the_formula(case, graph):
    kind, classes, given, smoothing, labels, formula = CASES[case]
    loss = registry.create(kind, classes, given, smoothing)
    logits = np.random.default_rng(5).normal(0, 2, [ROWS, loss.size])
    weights = np.random.default_rng(6).random([ROWS, 1])
    weights[3] = 0  # a row that does not count
    total, gradient, rows, _ = results(loss, graph, logits, labels, weights)
    expected = formula(logits, labels)
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(total, (expected * weights).sum(), rtol=0, atol=1e-6)
    by_differences = difference_quotients(lambda z: (formula(z, labels) * weights).sum(), logits)
    np.testing.assert_allclose(gradient, by_differences, rtol=0, atol=1e-6)


@GRAPHS
@pytest.mark.parametrize("case", [*CASES, "pairwise", "jrc"])
def test_extreme_logits_give_finite_losses_gradients_and_predictions(case, graph):
    if case in CASES:
        kind, classes, given, smoothing, labels, _ = CASES[case]
    else:
        kind, classes, given, smoothing, labels = "binary", 2, case, 0, CLASSES
    loss = registry.create(kind, classes, given, smoothing)
    grid = np.array([0.0, 30, -30, 1e4, -1e4], np.float32)
    logits = np.stack(np.meshgrid(*[grid] * loss.size), -1).reshape(-1, loss.size)
    labels = np.resize(labels, [len(logits), 1])
    labels = labels.astype(np.int64 if labels.dtype.kind == "i" else np.float32)
    groups = np.arange(len(logits)).reshape(-1, 1) // 3 if case in ("pairwise", "jrc") else None
    for found in results(loss, graph, logits, labels, np.ones_like(labels), groups):
        assert np.isfinite(found).all()


def test_rows_of_several_tasks_at_once_are_those_of_each():
    for case, (kind, classes, given, smoothing, labels, _) in CASES.items():
        loss = registry.create(kind, classes, given, smoothing)
        logits = np.random.default_rng(7).normal(0, 2, [2, ROWS, loss.size])
        both = [paddle.to_tensor(each) for each in (logits, np.stack([labels, labels[::-1]]))]
        together = loss.rows(*both).numpy(), loss.prediction(both[0]).numpy()
        for task in range(2):
            one = loss.rows(both[0][task], both[1][task]), loss.prediction(both[0][task])
            for found, expected in zip(together, one):
                np.testing.assert_allclose(found[task], expected.numpy(), atol=1e-12, err_msg=case)


def test_weighted_logistic_is_least_where_the_odds_are_the_mean():
    loss = registry.create("regression", 2, "weighted_logistic")
    labels = paddle.to_tensor(WATCHED)
    logits = paddle.full([ROWS, 1], np.log(WATCHED.mean()), "float64")
    logits.stop_gradient = False
    loss.total(logits, labels, paddle.ones_like(labels)).backward()
    assert abs(float(logits.grad.sum())) < 1e-9


@pytest.mark.parametrize(
    ("kind", "loss", "smoothing", "problem"),
    [
        (
            "binary",
            "focl",
            0,
            "expected a loss of binary tasks (cross_entropy, focal, pairwise, jrc), found 'focl'; "
            "did you mean focal?",
        ),
        ("count", 3, 0, "expected a loss of count tasks (poisson), found 3"),
        (
            "multiclass",
            "huber",
            0,
            "huber is for regression tasks; expected a loss of multiclass tasks "
            "(cross_entropy, focal)",
        ),
        (
            "regression",
            {"delta": 2},
            0,
            "expected a name, or a mapping with a name such as {name: squared}; regression tasks "
            "have squared, absolute, huber, log_cosh, quantile, ziln, weighted_logistic, ordinal",
        ),
        (
            "regression",
            {"name": "huber", "dleta": 2},
            0,
            "huber: unknown option dleta; it has delta",
        ),
        ("count", {"name": "poisson", "a": 1}, 0, "poisson: unknown option a; it has no options"),
        (
            "regression",
            {"name": "huber", "delta": 0},
            0,
            "huber: delta: expected a positive number, found 0",
        ),
        (
            "regression",
            {"name": "quantile", "quantile": 1},
            0,
            "quantile: quantile: expected a number between 0 and 1, found 1",
        ),
        (
            "binary",
            {"name": "focal", "gamma": True},
            0,
            "focal: gamma: expected a number of at least 0, found True",
        ),
        (
            "multiclass",
            {"name": "focal", "alpha": 0.5},
            0,
            "focal: alpha: expected a binary task, found type multiclass: set class_weights",
        ),
        (
            "binary",
            {"name": "jrc", "alpha": 1.5},
            0,
            "jrc: alpha: expected a number from 0 to 1, found 1.5",
        ),
        (
            "binary",
            {"name": "pairwise", "within": 3},
            0,
            "pairwise: within: expected the name of a sparse field, found 3",
        ),
        (
            "regression",
            {"name": "ordinal", "thresholds": [1, 1]},
            0,
            "ordinal: thresholds: expected a list of at least two increasing positive numbers, "
            "found [1, 1]",
        ),
        (
            "regression",
            "ordinal",
            0,
            "ordinal: thresholds: expected a list of at least two increasing positive numbers, "
            "found none",
        ),
        (
            "binary",
            "focal",
            0.1,
            "focal: only cross_entropy takes label_smoothing; expected label_smoothing: 0 for this "
            "task, found 0.1",
        ),
    ],
)
def test_what_a_loss_may_not_be(kind, loss, smoothing, problem):
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        registry.create(kind, 3, loss, smoothing)
