"""How good predictions are, where the labels are known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.errors import UserError


def binary_scores(
    predictions: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Returns AUC and log loss (in nats) of each task that has labels and one column.

    A task whose labels are all alike has no AUC: nan.

    Args:
        predictions: P(label = 1) ``[rows]`` by task.
        labels: 0 or 1, ``[rows]``, by task.
    """
    if not labels:
        return {}
    try:
        from sklearn.metrics import log_loss, roc_auc_score
    except ImportError as error:
        raise UserError("AUC and log loss need scikit-learn: pip install scikit-learn") from error
    scores = {}
    for name in predictions:
        if name not in labels or not np.isin(labels[name], (0, 1)).all():
            continue
        truth, guess = labels[name].astype(int), predictions[name].astype(np.float64)
        both = 0 < truth.mean() < 1
        scores[name] = {
            "auc": float(roc_auc_score(truth, guess)) if both else float("nan"),
            "log_loss": float(log_loss(truth, guess, labels=[0, 1])),
        }
    return scores
