"""Pairwise and JRC: sums over pairs and groups, compared with loops over rows."""

import math

import numpy as np
import pytest
from loss_results import GRAPHS, difference_quotients, results

from models.common.tasks.losses import registry

LABELS = np.array([1, 0, 0, 1, 1, 0, 0, 1, 0]).reshape(-1, 1)
GROUPS = np.array([7, 7, 7, 3, 3, 3, 9, 9, 5]).reshape(-1, 1)  # 5 has one row
WEIGHTS = np.array([1, 2, 0.5, 1, 0, 1, 1, 1, 3]).reshape(-1, 1) / 10  # row 4 does not count


def cross_entropy(z, y, i):
    return math.log(math.exp(z[i][0]) + math.exp(z[i][1])) - z[i][y[i]]


def pairwise(z, y, w, groups, share):
    first = pairs = weight = 0.0
    for i in range(len(y)):
        first += w[i] * cross_entropy(z, y, i)
        for j in range(len(y)):
            if y[i] == 1 and y[j] == 0 and groups[i] == groups[j]:
                lead = (z[i][1] - z[i][0]) - (z[j][1] - z[j][0])
                pairs += w[i] * w[j] * math.log(1 + math.exp(-lead))
                weight += w[i] * w[j]
    return (1 - share) * first + (share * sum(w) * pairs / weight if weight else 0.0)


def jrc(z, y, w, groups, alpha):
    total = 0.0
    for i in range(len(y)):
        if w[i] > 0:
            rivals = [j for j in range(len(y)) if w[j] > 0 and groups[i] == groups[j]]
            rank = math.log(sum(math.exp(z[j][y[i]]) for j in rivals)) - z[i][y[i]]
            total += w[i] * (alpha * cross_entropy(z, y, i) + (1 - alpha) * rank)
    return total


FORMULAS = {"pairwise": (pairwise, "weight"), "jrc": (jrc, "alpha")}


def check(name, graph, labels, weights, groups, share, within):
    formula, option = FORMULAS[name]
    loss = registry.create("binary", 2, {"name": name, option: share, "within": within})
    logits = np.random.default_rng(1).normal(0, 1.5, [len(labels), 2])
    given = None if within is None else groups
    total, gradient, *_ = results(loss, graph, logits, labels, weights, given)
    flat = labels[:, 0], weights[:, 0], (groups if within else np.zeros_like(groups))[:, 0]

    def expected(z):
        return formula(z, *flat, share)

    np.testing.assert_allclose(total, expected(logits), rtol=0, atol=1e-6)
    by_differences = difference_quotients(expected, logits)
    np.testing.assert_allclose(gradient, by_differences, rtol=0, atol=1e-6)


@GRAPHS
@pytest.mark.parametrize("within", [None, "user_id"])
@pytest.mark.parametrize("share", [0.5, 0.2, 0, 1])
@pytest.mark.parametrize("name", FORMULAS)
def test_losses_are_those_of_loops_over_rows(name, share, within, graph):
    check(name, graph, LABELS, WEIGHTS, GROUPS, share, within)


@GRAPHS
@pytest.mark.parametrize("within", [None, "user_id"])
@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("rows", ["positives", "negatives", "none count", "one"])
def test_batches_that_lack_something_to_compare(rows, name, within, graph):
    labels, weights, groups = LABELS, WEIGHTS, GROUPS
    if rows == "positives":
        labels = np.ones_like(LABELS)
    elif rows == "negatives":
        labels = np.zeros_like(LABELS)
    elif rows == "none count":
        weights = np.zeros_like(WEIGHTS)
    else:
        labels, weights, groups = LABELS[:1], WEIGHTS[:1], GROUPS[:1]
    check(name, graph, labels, weights, groups, 0.5, within)


def test_a_pairwise_loss_by_hand():
    # Log-odds 1 (positive), 0 and 3 (negatives), all of weight 1/3. Pairs: 1 - 0 and 1 - 3.
    loss = registry.create("binary", 2, {"name": "pairwise", "weight": 1})
    logits = np.array([[0.0, 1], [0, 0], [0, 3]])
    labels = np.array([[1], [0], [0]])
    total, *_ = results(loss, "dygraph", logits, labels, np.full([3, 1], 1 / 3))
    assert total == pytest.approx((0.31326169 + 2.12692801) / 2, abs=1e-7)


def test_jrc_by_hand():
    # Logits of class 1 are 0, ln 3; the positive's share of them is 3/4, the negative's of class 0
    # is 1/2: -log(3/8) / 2.
    loss = registry.create("binary", 2, {"name": "jrc", "alpha": 0})
    logits = np.array([[0.0, 0], [0, math.log(3)]])
    total, *_ = results(loss, "dygraph", logits, np.array([[0], [1]]), np.full([2, 1], 0.5))
    assert total == pytest.approx(-math.log(3 / 8) / 2, abs=1e-9)


def test_pairs_do_not_depend_on_the_weights_scale():
    loss = registry.create("binary", 2, {"name": "pairwise", "weight": 1})
    logits = np.random.default_rng(2).normal(0, 1, [9, 2]).astype(np.float32)
    large, small = (
        results(loss, "dygraph", logits, LABELS, WEIGHTS * scale)[0] for scale in (1, 1e-18)
    )
    assert small == pytest.approx(large * 1e-18, rel=1e-5)
