"""What sessions of both graphs ask of a model about its tasks."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.model_folder import loading


class TaskQueries:
    """The part of a session that is the same in both graphs; ``_contract`` is the model."""

    _contract: Any

    def labels(self, batch: Any) -> dict[str, np.ndarray]:
        """Returns each task's labels for a batch; see `Session`."""
        return loading.hook(self._contract, "labels", "runner.metrics")(batch)

    def weights(self, batch: Any) -> dict[str, np.ndarray] | None:
        """Returns each task's sample weights for a batch; see `Session`."""
        weights = getattr(self._contract, "weights", None)
        return weights(batch) if weights else None

    def task_facts(self) -> list[dict[str, Any]] | None:
        """Returns the tasks' names, types and classes; see `Session`."""
        facts = getattr(self._contract, "task_facts", None)
        return facts() if facts else None
