"""Which metrics are said to be undefined: those of all processes' rows, not of one's."""

from types import SimpleNamespace

import numpy as np
import paddle
import pytest

from engine.evaluation.undefined_metrics import UndefinedMetrics


def counted(label):
    """Returns a metric that has seen rows of one label alone."""
    metric = paddle.metric.Auc()
    metric.update(np.array([[0.4, 0.6], [0.7, 0.3]]), np.array([[label], [label]]))
    return metric


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize(("value", "told"), [(0.0, 1), (0.75, 0)])
def test_what_counts_is_the_value_of_all_rows(caplog, label, value, told):
    """A value that there is came from rows of other processes, whatever this one has counted."""
    session = SimpleNamespace(metric_names=["auc"], metric_objects=[counted(label)])
    undefined = UndefinedMetrics()
    for _ in range(2):
        undefined.warn(session, {"auc": value})
    reason = f"auc is 0: it is not defined, all its rows have the label {label}: an AUC needs both"
    assert caplog.messages == [reason] * told  # once in a run
