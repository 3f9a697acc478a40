"""What sessions of both graphs ask of a model about its tasks and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.model_folder import loading


class TaskQueries:
    """The part of a session that is the same in both graphs; ``_contract`` is the model."""

    prefix: str
    _contract: Any

    def moves(
        self,
        recorded: Mapping[str, Any],
        record: Mapping[str, Any],
        shapes: Mapping[str, tuple],
        reset: Mapping[str, np.ndarray],
        prefix: str,
    ) -> dict[str, tuple[str, str, Any]]:
        """Returns how a checkpoint's parameters move into the net; see `Session`."""
        move = getattr(self._contract, "moves", None)
        if move is None:
            return {}
        net = self.network()
        variables = {name: tensor.name for name, tensor in net.state_dict().items()}
        names = variables if prefix != "rec" else dict(zip(variables, variables))
        by_name = {name: shapes[saved] for name, saved in names.items() if saved in shapes}
        found = move(net, recorded, record, by_name, reset)
        own = variables if self.prefix != "rec" else dict(zip(variables, variables))
        return {names[name]: (own[name], variables[name], each) for name, each in found.items()}

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
