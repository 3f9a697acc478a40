"""DSelect-k's gates against the formulas of Hazimeh et al. 2021, by hand and in NumPy."""

import numpy as np
import paddle
import pytest

from models.common.layers.dselect_k_gates import DSelectK, smooth_step

ANYTHING = paddle.zeros([1, 3])  # static gates do not look at it


def step(t, gamma):
    """The smooth step of one number, equation 5."""
    if t <= -gamma / 2:
        return 0.0
    if t >= gamma / 2:
        return 1.0
    return -2 / gamma**3 * t**3 + 3 / (2 * gamma) * t + 0.5


def selector(bits, expert_num, gamma):
    """What one selector gives each expert, equation 4: bit j of an expert's number, or not."""
    weights = np.ones(expert_num)
    for expert in range(expert_num):
        for place, bit in enumerate(bits):
            s = step(bit, gamma)
            weights[expert] *= s if expert >> place & 1 else 1 - s
    return weights


def static(task_num, expert_num, k, bits, alphas=None, gamma=1.0):
    """Static gates of the given bits ``[tasks, k, bits]`` and numbers alpha ``[tasks, k]``."""
    gates = DSelectK(task_num, expert_num, k, gamma)
    gates.bits_logits.set_value(np.array(bits, "f4")[None])
    if alphas is not None:
        gates.weight_logits.set_value(np.array(alphas, "f4")[None])
    return gates


def test_the_step_at_its_ends_and_between():
    # gamma 1, by hand: S(1/4) = -2/64 + 3/8 + 1/2 = 27/32, and S(-t) = 1 - S(t).
    t = paddle.to_tensor([-9.0, -0.5, -0.25, 0.0, 0.25, 0.5, 9.0])
    expected = [0, 0, 5 / 32, 0.5, 27 / 32, 1, 1]
    np.testing.assert_allclose(smooth_step(t, 1.0).numpy(), expected, atol=1e-7)
    # gamma 2 stretches it to [-1, 1].
    np.testing.assert_allclose(smooth_step(2 * t, 2.0).numpy(), expected, atol=1e-7)
    beyond = smooth_step(paddle.to_tensor([-9.0, -0.5, 0.5, 9.0]), 1.0).numpy()
    np.testing.assert_array_equal(beyond, [0, 0, 1, 1])  # exactly: no expert of nearly no weight


@pytest.mark.parametrize("gamma", [0.5, 1.0, 3.0])
def test_the_step_is_flat_at_its_ends_and_steepest_in_the_middle(gamma):
    # S'(t) = 3/(2 gamma) - 6 t^2 / gamma^3: 0 at both ends, 3/(2 gamma) at 0, half-way 9/(8 gamma).
    t = paddle.to_tensor([-2 * gamma, -gamma / 2, -gamma / 4, 0.0, gamma / 4, gamma / 2, 2 * gamma])
    t.stop_gradient = False
    smooth_step(t, gamma).sum().backward()
    expected = [0, 0, 9 / (8 * gamma), 3 / (2 * gamma), 9 / (8 * gamma), 0, 0]
    np.testing.assert_allclose(t.grad.numpy(), expected, atol=1e-6)


def test_a_selector_of_four_experts_by_hand():
    # Bits 0.25 and -0.25: S = 27/32 and 5/32. Expert 1 has bit 0 alone, expert 2 bit 1 alone.
    gates = static(1, 4, 1, [[[0.25, -0.25]]])
    expected = np.array([5 * 27, 27 * 27, 5 * 5, 27 * 5]) / 32**2
    np.testing.assert_allclose(gates(ANYTHING).numpy()[0, 0], expected, rtol=1e-6)


def test_a_selector_of_six_experts_by_hand():
    """Three bits tell eight numbers apart; 6 and 7 belong to no expert, and their part is lost."""
    # S = 27/32, 1/2, 1: expert 4 is 001 read from its lowest bit, expert 5 is 101.
    gates = static(1, 6, 1, [[[0.25, 0.0, 0.5]]])
    expected = np.array([0, 0, 0, 0, 5 / 64, 27 / 64])
    np.testing.assert_allclose(gates(ANYTHING).numpy()[0, 0], expected, atol=1e-7)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("expert_num", [2, 3, 4, 5, 6, 8, 9])
def test_gates_are_the_papers_sum_of_selectors(expert_num, gamma):
    """Every task by itself, selectors mixed by a softmax (equation 6)."""
    rng = np.random.default_rng(expert_num)
    bit_num = len(f"{expert_num - 1:b}")
    bits, alphas = rng.normal(0, 0.3, (3, 2, bit_num)), rng.normal(size=(3, 2))
    found = static(3, expert_num, 2, bits, alphas, gamma)(ANYTHING).numpy()
    assert found.shape == (1, 3, expert_num)
    for task in range(3):
        shares = np.exp(alphas[task]) / np.exp(alphas[task]).sum()
        expected = sum(
            share * selector(row, expert_num, gamma) for share, row in zip(shares, bits[task])
        )
        np.testing.assert_allclose(found[0, task], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("expert_num", [2, 4, 8, 16])
def test_weights_sum_to_1_where_every_number_is_an_experts(expert_num):
    gates = DSelectK(2, expert_num, 3, 1.0, in_size=5)
    gates.bits_of.weight.set_value(paddle.randn(gates.bits_of.weight.shape))
    found = gates(paddle.randn([50, 5])).numpy()
    np.testing.assert_allclose(found.sum(axis=2), 1.0, rtol=1e-5)
    assert (found >= 0).all()


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_gate_of_saturated_bits_selects_exactly_k_experts(k):
    chosen = [6, 1, 3][:k]
    bits = [[[0.5 if expert >> place & 1 else -0.5 for place in range(3)] for expert in chosen]]
    found = static(1, 8, k, bits, [[0.3, -0.2, 0.1][:k]])(ANYTHING).numpy()[0, 0]
    assert np.flatnonzero(found).tolist() == sorted(chosen)
    assert found.sum() == pytest.approx(1.0)


def test_per_example_gates_look_at_each_row_and_static_ones_at_none():
    rows = paddle.randn([7, 3])
    own = DSelectK(2, 8, 2, 1.0, in_size=3)
    own.bits_of.weight.set_value(paddle.randn([3, 2 * 2 * 3]))
    found = own(rows).numpy()
    assert found.shape == (7, 2, 8)
    assert len(np.unique(found, axis=0)) == 7
    assert [part.shape for part in own.selectors(rows)] == [[7, 2, 2, 8], [7, 2, 2]]
    # The row itself, by the formula: bits and shares are linear in it.
    values = {name: value.numpy().astype("f8") for name, value in own.state_dict().items()}
    row = rows.numpy()[4].astype("f8")
    bits = (row @ values["bits_of.weight"] + values["bits_of.bias"]).reshape(2, 2, 3)
    shares = np.exp((row @ values["weights_of.weight"] + values["weights_of.bias"]).reshape(2, 2))
    shares /= shares.sum(axis=1, keepdims=True)
    expected = [
        sum(share * selector(code, 8, 1.0) for share, code in zip(shares[task], bits[task]))
        for task in range(2)
    ]
    np.testing.assert_allclose(found[4], expected, rtol=1e-4, atol=1e-6)
    shared = DSelectK(2, 8, 2, 1.0)
    assert shared(rows).shape == [1, 2, 8]
    np.testing.assert_array_equal(shared(rows).numpy(), shared(rows + 1).numpy())


@pytest.mark.parametrize("expert_num", [4, 6])
def test_the_penalty_is_the_entropy_and_what_lies_on_no_expert(expert_num):
    bits = np.random.default_rng(1).normal(0, 0.2, (2, 2, len(f"{expert_num - 1:b}")))
    gates = static(2, expert_num, 2, bits)
    expected = 0.0
    for row in bits.reshape(4, -1):
        r = selector(row, expert_num, 1.0)
        expected += -(r[r > 0] * np.log(r[r > 0])).sum()
        if expert_num == 6:
            expected += 1 / r.sum()
    found = gates.penalty(gates.selectors(ANYTHING)[0], 0.25).item()
    assert found == pytest.approx(0.25 * expected, rel=1e-4)


def test_the_penalty_is_a_mean_over_examples():
    gates = DSelectK(2, 6, 2, 1.0, in_size=3)
    rows = paddle.randn([5, 3])
    each = [gates.penalty(gates.selectors(row.unsqueeze(0))[0], 0.1).item() for row in rows]
    together = gates.penalty(gates.selectors(rows)[0], 0.1).item()
    assert together == pytest.approx(np.mean(each), rel=1e-5)


def test_the_penalty_of_selectors_that_have_decided_is_finite_and_least():
    sure = static(1, 4, 1, [[[0.5, -0.5]]])
    penalty = sure.penalty(sure.selectors(ANYTHING)[0], 1.0)
    assert penalty.item() == pytest.approx(0.0, abs=1e-5)
    penalty.backward()
    assert np.isfinite(sure.bits_logits.grad.numpy()).all()


@pytest.mark.parametrize("expert_num", [4, 6, 7])
@pytest.mark.parametrize("seed", range(3))
def test_the_penalty_makes_a_gate_choose_at_most_k_experts(expert_num, seed):
    """Trained alone, without a task: all weight comes to lie on experts, and on few of them."""
    paddle.seed(seed)
    gates = DSelectK(2, expert_num, 2, 1.0)
    optimizer = paddle.optimizer.Adam(0.01, parameters=gates.parameters())
    for _ in range(300):
        gates.penalty(gates.selectors(ANYTHING)[0], 1.0).backward()
        optimizer.step()
        optimizer.clear_grad()
    weights = gates(ANYTHING).numpy()[0]
    assert weights.sum(axis=1).min() >= 0.99
    assert ((weights > 1e-3).sum(axis=1) <= 2).all()


def test_a_loss_alone_finds_the_expert_that_lowers_it():
    """Gradients reach bits and shares through the weights: expert 5 costs least."""
    costs = paddle.to_tensor([3.0, 2.5, 3.0, 2.0, 3.0, 1.0, 2.5, 2.0])
    gates = DSelectK(1, 8, 1, 1.0)
    optimizer = paddle.optimizer.Adam(0.02, parameters=gates.parameters())
    for _ in range(300):
        (gates(ANYTHING)[0, 0] * costs).sum().backward()
        optimizer.step()
        optimizer.clear_grad()
    assert gates(ANYTHING).numpy()[0, 0].argmax() == 5
    assert gates(ANYTHING).numpy()[0, 0, 5] > 0.99


@pytest.mark.parametrize("gamma", [0.5, 1.0])
@pytest.mark.parametrize("in_size", [None, 3])
def test_selectors_start_apart_and_undecided(in_size, gamma):
    """From one place they would see the same gradients, and end at the same expert."""
    gates = DSelectK(50, 8, 2, gamma, in_size)
    bits = gates.bits_logits if in_size is None else gates.bits_of.bias
    bits = bits.numpy().reshape(50, 2, 3)
    assert np.abs(bits).max() < gamma / 2
    apart = np.abs(bits[:, 0] - bits[:, 1]).max(axis=-1)
    assert np.mean(apart > gamma / 20) > 0.9
