"""Warns of undefined metrics and says why, such as an AUC whose rows all have one label."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle

from engine.graphs.session import Session
from engine.model_folder import running_auc

logger = logging.getLogger(__name__)

_ONE_LABEL = "it is not defined, all its rows have the label {}: an AUC needs both"
_NAN = "it is not defined, all its rows have one label or a score is NaN"
_WHY = (
    ": it is counted in buckets, and many scores share one; runner.metrics: [auc] counts exactly "
    "in an evaluation"
)
_ROUGH = 0.005
_IN_GRAPH = "an AUC in the graph"
_ZERO = "all its rows have one label, for which Paddle shows 0, or all are in the wrong order"


class UndefinedMetrics:
    """Warns once in a run of each metric that is undefined, or an AUC that is rough.

    Args:
        consequence: the end of the warning about an AUC.
    """

    def __init__(self, consequence: str = ""):
        self._consequence = consequence
        self._warned: set[str] = set()

    def warn(self, session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
        """Warns of metrics that are undefined or rough, unless it has warned of them before.

        Args:
            session: the session that computed the metrics.
            values: the metrics at the end of an epoch, by name.

        Returns:
            The metrics, with NaN for an AUC that Paddle shows as 0 because it is undefined.
        """
        metrics = dict(zip(session.metric_names, session.metric_objects))
        for name, value in values.items():
            reason = None if name in self._warned else _reason(name, value, metrics.get(name))
            if reason:
                self._warned.add(name)
                shown = f"{float(np.asarray(value).item()):g}"
                is_in_mean = "auc" in name.lower() or name.startswith("acc_")
                end = self._consequence if is_in_mean else ""
                logger.warning("%s is %s: %s%s", name, shown, reason, end)
            elif not reason:
                self._warn_if_rough(session, name, value, metrics.get(name))
        return {
            name: float("nan") if _is_paddles_zero(name, value, metrics.get(name)) else value
            for name, value in values.items()
        }

    def _warn_if_rough(self, session: Session, name: str, value: Any, metric: Any) -> None:
        key = name if metric is not None else _IN_GRAPH  # the counts there have no names
        bound = 0.0 if key in self._warned else _error_bound(session, name, metric)
        if bound > _ROUGH:
            self._warned.add(key)
            number = float(np.asarray(value).item())
            logger.warning(
                "%s = %.6f may be up to %.2g from the exact AUC%s", name, number, bound, _WHY
            )


def _error_bound(session: Session, name: str, metric: Any) -> float:
    """Returns how far an AUC may be from the exact one; 0 for other metrics."""
    if hasattr(metric, "error_bound"):
        return metric.error_bound()
    if isinstance(metric, paddle.metric.Auc):
        return running_auc.tied_share(metric._stat_pos, metric._stat_neg) / 2
    if metric is None and "auc" in name.lower() and hasattr(session, "auc_counters"):
        return session.auc_counters.error_bound()
    return 0.0


def _is_paddles_zero(name: str, value: Any, metric: Any) -> bool:
    """Returns whether a value is Paddle's 0 for an undefined AUC.

    An AUC that is 0 because all rows are in the wrong order counts as undefined too: several
    processes have to decide alike, and each of them has the counts of its own rows only.
    """
    in_graph = metric is None and "auc" in name.lower()
    array = np.asarray(value)
    return (in_graph or isinstance(metric, paddle.metric.Auc)) and array.size == 1 and not array


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
