"""Warnings of undefined metrics; with several processes, the rows of all count."""

from types import SimpleNamespace

import numpy as np
import paddle
import pytest

from engine.evaluation.undefined_metrics import UndefinedMetrics


def counted(label):
    """Returns a metric with rows of one label."""
    metric = paddle.metric.Auc()
    metric.update(np.array([[0.4, 0.6], [0.7, 0.3]]), np.array([[label], [label]]))
    return metric


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize(("value", "warnings"), [(0.0, 1), (0.75, 0)])
def test_the_value_over_all_rows_decides(caplog, label, value, warnings):
    """A defined value comes from other processes' rows, even if this one has only one label."""
    session = SimpleNamespace(metric_names=["auc"], metric_objects=[counted(label)])
    undefined = UndefinedMetrics()
    for _ in range(2):
        undefined.warn(session, {"auc": value})
    reason = f"auc is 0: it is not defined, all its rows have the label {label}: an AUC needs both"
    assert caplog.messages == [reason] * warnings  # once in a run


def test_an_auc_whose_scores_share_buckets_is_rough(caplog):
    """By hand: half of the 4 pairs share a bucket of Paddle's; half of these may be wrong."""
    metric = paddle.metric.Auc()
    scores = np.array([0.50001, 0.50002, 0.50003, 0.9])
    metric.update(np.stack([1 - scores, scores], axis=1), np.array([[1], [0], [0], [1]]))
    session = SimpleNamespace(metric_names=["auc"], metric_objects=[metric])
    value = metric.accumulate()
    assert value == 0.75
    undefined = UndefinedMetrics()
    for _ in range(2):
        undefined.warn(session, {"auc": value, "other": 0.5})
    (message,) = caplog.messages
    assert message.startswith("auc = 0.750000 may be up to 0.25 from the exact AUC: it is counted")


def test_a_program_with_aucs_is_rough(caplog):
    counters = SimpleNamespace(error_bound=lambda: 0.006)
    session = SimpleNamespace(metric_names=[], metric_objects=[], auc_counters=counters)
    UndefinedMetrics().warn(session, {"cost": 0.2, "auc_a": 0.7, "auc_b": 0.6})
    (message,) = caplog.messages  # once for the program
    assert message.startswith("auc_a = 0.700000 may be up to 0.006 from")
