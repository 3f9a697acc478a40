"""Labels of a binary task with predictions that have ties."""

import numpy as np
import pytest

NAN = pytest.approx(float("nan"), nan_ok=True)


def rows(count=5000, seed=0, rate=0.2):
    rng = np.random.default_rng(seed)
    labels = (rng.random(count) < rate).astype(np.int64)
    predictions = np.clip(rng.normal(0.2 + 0.2 * labels, 0.15), 0.001, 0.999)
    return labels, np.round(predictions, 2)  # rounded, so that there are ties
