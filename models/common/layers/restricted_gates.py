"""Gates that may choose only some of the experts, as in PLE."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.common.layers import ops
from models.common.layers.constants import Constants
from models.common.layers.dense import Part

_FORBIDDEN = -1e9  # a gate's logit for an expert that it may not choose


class RestrictedGates(Part):
    r"""Softmax weights of gates over all experts, 0 for the experts that a gate may not choose.

    A constant matrix moves each gate's logits to the experts that it may choose, so that one
    softmax and one batched product serve all gates.

    Args:
        access: for every gate, the numbers of the experts that it may choose.
        expert_num: the number of experts.
        equal_widths: whether every gate has as many logits as the widest one; the surplus logits
            are ignored.

    Shapes:
        logits ``[batch, sum of widths]`` to weights ``[batch, gates, experts]``.
    """

    def __init__(self, access: Sequence[Sequence[int]], expert_num: int, equal_widths: bool):
        super().__init__()
        self._shape = [-1, len(access), expert_num]
        widest = max(map(len, access))
        everything = all(list(seen) == list(range(expert_num)) for seen in access)
        self._constants = (
            None if everything else Constants(*_placed(access, expert_num, widest * equal_widths))
        )

    def forward(self, logits):
        """Returns the weights; each gate's sum to 1."""
        if self._constants is None:
            return ops.softmax(ops.reshape(logits, self._shape))
        placement, forbidden, allowed = self._constants()
        placed = ops.reshape(ops.linear(logits, placement, forbidden), self._shape)
        # Paddle's softmax gives e^-64, not 0, for a logit far below the others.
        return ops.multiply(ops.softmax(placed), allowed)


def _placed(access: Sequence[Sequence[int]], expert_num: int, width: int) -> list[np.ndarray]:
    """Returns the matrix that places logits, the bias that forbids experts, and a mask."""
    columns = []  # of the logits, as (gate, expert); None for a surplus logit
    for gate, seen in enumerate(access):
        surplus = [None] * (width - len(seen))
        columns += [(gate, expert) for expert in [*seen, *surplus]]
    matrix = np.zeros((len(columns), len(access) * expert_num), np.float32)
    for column, (gate, expert) in enumerate(columns):
        if expert is not None:
            matrix[column, gate * expert_num + expert] = 1.0
    allowed = matrix.any(axis=0).astype(np.float32)
    return [matrix, _FORBIDDEN * (1 - allowed), allowed.reshape(len(access), expert_num)]
