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
