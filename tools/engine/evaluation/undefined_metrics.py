"""Warns of undefined metrics and says why, such as an AUC whose rows all have one label."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle

from engine.graphs.session import Session

logger = logging.getLogger(__name__)

_ONE_LABEL = "it is not defined, all its rows have the label {}: an AUC needs both"
_NAN = "it is not defined, all its rows have one label or a score is NaN"
_ZERO = "all its rows have one label, for which Paddle shows 0, or all are in the wrong order"


class UndefinedMetrics:
    """Warns once in a run of each undefined metric."""

    def __init__(self):
        self._warned: set[str] = set()

    def warn(self, session: Session, values: Mapping[str, Any]) -> None:
        """Warns of the metrics that are undefined, unless it has warned of them before.

        Args:
            session: the session that computed the metrics.
            values: the metrics at the end of an epoch, by name.
        """
        metrics = dict(zip(session.metric_names, session.metric_objects))
        for name, value in values.items():
            reason = None if name in self._warned else _reason(name, value, metrics.get(name))
            if reason:
                self._warned.add(name)
                shown = f"{float(np.asarray(value).item()):g}"
                logger.warning("%s is %s: %s", name, shown, reason)


def _reason(name: str, value: Any, metric: Any) -> str | None:
    """Returns why a metric is undefined; None if it is defined."""
    array = np.asarray(value)
    number = array.size == 1 and array.dtype.kind in "fiu"
    if number and array.item() and not np.isnan(array).item():
        return None  # defined; with several processes the metric itself has only this one's rows
    if hasattr(metric, "undefined"):
        reason = metric.undefined()
        return f"it is not defined, {reason}" if reason else None
    if isinstance(metric, paddle.metric.Auc):  # it returns 0 if the AUC is undefined
        counts = [int(np.sum(part)) for part in (metric._stat_neg, metric._stat_pos)]
        return None if all(counts) or not any(counts) else _ONE_LABEL.format(int(counts[1] > 0))
    if "auc" not in name.lower() or array.size != 1 or array.dtype.kind != "f":
        return None
    if np.isnan(array).item():
        return _NAN
    return _ZERO if array.item() == 0 else None  # an AUC in the graph: no counts to look at
