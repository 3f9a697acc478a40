"""Dropout's masks: the probability, the mean, and the random state that they follow from."""

import numpy as np
import paddle
import pytest

from models.common.fast_step.dropout_mask import mask_of
from models.common.layers import ops


@pytest.mark.parametrize(("probability", "dropped"), [(0.3, 19661), (0.5, 32768), (1.0, 65535)])
def test_a_mask_drops_a_share_and_keeps_the_mean(probability, dropped):
    paddle.seed(1)
    mask = mask_of(paddle.zeros([3, 200, 501]), probability).numpy()
    assert mask.shape == (3, 200, 501)
    assert mask.dtype == np.float32
    factor = np.float32(65536 / (65536 - dropped))
    assert set(np.unique(mask)) <= {np.float32(0), factor}
    share = dropped / 65536
    for part in (mask, *mask):  # the whole, and each layer of a stack
        deviation = np.sqrt(share * (1 - share) / part.size)
        assert abs((part == 0).mean() - share) <= 5 * deviation


def test_masks_are_independent_between_elements_and_calls():
    paddle.seed(2)
    masks = np.stack([mask_of(paddle.zeros([100, 100]), 0.5).numpy().ravel() for _ in range(4)])
    both = np.corrcoef(np.concatenate([masks, np.roll(masks, 1, axis=1)]))
    assert np.abs(both - np.eye(8)).max() < 5 / np.sqrt(10_000)


def test_masks_follow_from_paddles_random_state():
    x = paddle.ones([7, 5])
    paddle.seed(3)
    first, second = mask_of(x, 0.4).numpy(), mask_of(x, 0.4).numpy()
    assert (first != second).any()
    state = paddle.get_rng_state()
    third = ops.dropout(x, 0.4).numpy()
    paddle.set_rng_state(state)
    np.testing.assert_array_equal(ops.dropout(x, 0.4).numpy(), third)
    paddle.seed(3)
    np.testing.assert_array_equal(mask_of(x, 0.4).numpy(), first)
