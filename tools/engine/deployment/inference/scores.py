"""How good predictions are, where the labels are known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.system.errors import UserError


def scores(
    predictions: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
    rows: Mapping[str, str],
) -> dict[str, dict[str, float]]:
    """Returns each labelled task's AUC, or accuracy where it has several classes, and log loss.

    A task whose labels are all alike has no AUC: nan. Log losses are in nats.

    Args:
        predictions: P(label = 1) ``[rows]`` by task; or each class's, by task and class.
        labels: ``[rows]`` by task: 0 or 1, or the class.
        rows: the tasks that count in some rows only, each with the task that has label 1 there.
    """
    if not labels:
        return {}
    try:
        from sklearn.metrics import log_loss, roc_auc_score
    except ImportError as error:
        raise UserError("AUC and log loss need scikit-learn: pip install scikit-learn") from error
    found = {}
    for name, truth in labels.items():
        counted = labels[rows[name]] == 1 if name in rows else slice(None)
        truth = truth[counted].astype(int)
        columns = [key for key in predictions if key == name or _is_class(key, name)]
        table = [predictions[key][counted].astype(np.float64) for key in columns]
        if columns == [name] and np.isin(truth, (0, 1)).all() and len(truth):
            both = 0 < truth.mean() < 1
            found[name] = {
                "auc": float(roc_auc_score(truth, table[0])) if both else float("nan"),
                "log loss": float(log_loss(truth, table[0], labels=[0, 1])),
            }
        elif len(columns) > 1 and len(truth):
            chances = np.stack(table, axis=1)
            found[name] = {
                "accuracy": float((chances.argmax(axis=1) == truth).mean()),
                "log loss": float(log_loss(truth, chances, labels=range(len(columns)))),
            }
    return found


def _is_class(column: str, task: str) -> bool:
    return column.startswith(f"{task}_") and column[len(task) + 1 :].isdigit()
