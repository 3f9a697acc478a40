"""A recurrent layer over a sequence."""

from __future__ import annotations

from models.common.layers import ops
from models.common.layers.dense import Linear, Part


class Gru(Part):
    r"""The state of a gated recurrent unit after the last id, 0 without ids.

    Cho et al. 2014, https://arxiv.org/abs/1406.1078, with the reset gate behind the product, as in
    cuDNN: :math:`r = \sigma(W_r x + b_r + U_r h + c_r)`, :math:`z = \sigma(W_z x + b_z + U_z h +
    c_z)`, :math:`n = \tanh(W_n x + b_n + r \odot (U_n h + c_n))`, and the next state is
    :math:`z \odot h + (1 - z) \odot n`. An id of 0 leaves the state as it is.

    Args:
        place: the hyper-parameter that chooses the pooling.
        size: the size of an embedding, and of the state.
        max_len: ids a row. The steps are computed one after another.

    Shapes:
        embeddings ``[batch, max_len, size]`` and mask ``[batch, max_len]`` to ``[batch, size]``.
    """

    def __init__(self, place: str, size: int, max_len: int):
        super().__init__()
        self._size, self._max_len = size, max_len
        self.of_input = Linear(size, 3 * size, fan_out=size)  # r, z, n side by side
        self.of_state = Linear(size, 3 * size, fan_out=size)

    def forward(self, embedded, mask, target=None):
        """Returns the vector of each row."""
        size, sizes = self._size, [2 * self._size, self._size]
        steps = ops.unbind(self.of_input(embedded), axis=1, count=self._max_len)
        masks = ops.unbind(ops.reshape(mask, [-1, self._max_len, 1]), axis=1, count=self._max_len)
        state = ops.scale(ops.split(steps[0], [self._size, 2 * self._size])[0], 0.0)
        for step, present in zip(steps, masks):
            gates, new = ops.split(step, sizes)
            by_state, new_by_state = ops.split(self.of_state(state), sizes)
            reset, kept = ops.split(ops.sigmoid(ops.add(gates, by_state)), [size, size])
            new = ops.tanh(ops.add(new, ops.multiply(reset, new_by_state)))
            share = ops.multiply(ops.scale(kept, -1.0, 1.0), present)
            state = ops.add(state, ops.multiply(share, ops.subtract(new, state)))
        return state
