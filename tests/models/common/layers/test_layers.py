"""The stacked layers against the formulas, one small matrix at a time in NumPy."""

import numpy as np
import paddle
import pytest

from models.common.checks import layer_sizes
from models.common.layers.dense import StackedLinear, Towers
from models.common.layers.experts import ExpertsAndGates
from models.common.layers.restricted_gates import RestrictedGates


def relu(x):
    return np.maximum(x, 0.0)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def arrays(layer):
    return {name: value.numpy().astype(np.float64) for name, value in layer.state_dict().items()}


def stacked_mlp(values, prefix, number, x):
    """Applies perceptron ``number`` of a StackedMLP."""
    layer = 0
    while f"{prefix}.layers.{layer}.weight" in values:
        weight = values[f"{prefix}.layers.{layer}.weight"][number]
        x = relu(x @ weight + values[f"{prefix}.layers.{layer}.bias"][number])
        layer += 1
    return x


def randomise(layer):
    """Gives biases values too, so that a test sees whether they are used."""
    rng = np.random.default_rng(3)
    for value in layer.state_dict().values():
        value.set_value(rng.normal(0, 0.5, value.shape).astype("float32"))


class Group(ExpertsAndGates):
    """Experts mixed by gates that may choose some of them."""

    def __init__(self, in_size, expert_size, access, expert_nums, gate_nums, gate_size=(), **more):
        ends = np.cumsum([0, *gate_nums])
        widths = [[len(seen) for seen in access[a:b]] for a, b in zip(ends, ends[1:])]
        super().__init__(in_size, expert_size, expert_nums, widths, gate_size, **more)
        hidden = bool(layer_sizes("gate_size", gate_size))
        self.gates = RestrictedGates(access, sum(expert_nums), hidden)

    def forward(self, inputs):
        experts, logits = super().forward(inputs)
        return paddle.matmul(self.gates(logits), experts)

    def weights(self, inputs):
        return self.gates(super().forward(inputs)[1])


def reference(group, values, access, expert_nums, gate_nums, inputs, hidden):
    """What a group must return: one expert and one gate after the other."""
    expert_width, experts, gates = group._first, [], []
    for source, x in enumerate(inputs[: len(expert_nums)]):
        weight, bias = (values[f"inputs.{source}.{name}"] for name in ("weight", "bias"))
        start = 0
        for _ in range(expert_nums[source]):
            columns = slice(start, start + expert_width)
            first = relu(x @ weight[:, columns] + bias[columns])
            experts.append(stacked_mlp(values, "deeper_experts", len(experts), first))
            start += expert_width
        for _ in range(gate_nums[source]):
            width = hidden or len(access[len(gates)])
            columns = slice(start, start + width)
            gate = x @ weight[:, columns] + bias[columns]
            if hidden:
                number = len(gates)
                gate = stacked_mlp(values, "deeper_gates", number, relu(gate))
                logits = gate @ values["gate_logits.weight"][number]
                gate = (logits + values["gate_logits.bias"][number])[:, : len(access[number])]
            gates.append(softmax(gate))
            start += width
        assert start == weight.shape[1]
    return np.stack(
        [
            sum(gate[:, [place]] * experts[expert] for place, expert in enumerate(seen))
            for gate, seen in zip(gates, access)
        ],
        axis=1,
    )


ALL3 = [[0, 1, 2]]
CGC = [[0, 1, 4, 5], [2, 3, 4, 5]]  # two tasks of two experts, two shared
CASES = {
    "mmoe": (ALL3 * 2, [3], [2]),
    "one level of ple": (CGC, [6], [2]),
    "a first level of several": ([*CGC, [0, 1, 2, 3, 4, 5]], [6], [3]),
    "a middle level": ([*CGC, [0, 1, 2, 3, 4, 5]], [2, 2, 2], [1, 1, 1]),
    "a last level": (CGC, [2, 2, 2], [1, 1, 0]),
    "no shared experts": ([[0], [1]], [1, 1], [1, 1]),
}


@pytest.mark.parametrize("gate_size", [(), 5, (5, 4)])
@pytest.mark.parametrize("expert_size", [4, [4, 3], [4, 3, 2]])
@pytest.mark.parametrize("case", CASES)
def test_one_product_equals_one_linear_per_expert(case, expert_size, gate_size):
    access, expert_nums, gate_nums = CASES[case]
    group = Group(7, expert_size, access, expert_nums, gate_nums, gate_size)
    randomise(group)
    inputs = [
        np.random.default_rng(n).normal(size=(6, 7)).astype("f4") for n in range(len(expert_nums))
    ]
    hidden = layer_sizes("gate_size", gate_size)[0] if gate_size else 0
    expected = reference(group, arrays(group), access, expert_nums, gate_nums, inputs, hidden)
    tensors = [paddle.to_tensor(x) for x in inputs]
    np.testing.assert_allclose(group(tensors).numpy(), expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("gate_size", [(), 5])
def test_a_gate_gives_no_weight_to_experts_of_other_tasks(gate_size):
    group = Group(7, 4, CGC, [6], [2], gate_size)
    randomise(group)
    weights = group.weights([paddle.rand([9, 7])]).numpy()
    np.testing.assert_allclose(weights.sum(axis=2), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(weights[:, 0, [2, 3]], 0.0)
    np.testing.assert_array_equal(weights[:, 1, [0, 1]], 0.0)
    assert (weights[:, 0, [0, 1, 4, 5]] > 0).all()


@pytest.mark.parametrize("gate_size", [(), (6, 4)])
def test_gates_of_images_read_the_pixels(gate_size):
    """Gates by NumPy; the experts are `ImageExperts`, which its own test compares."""
    group = ExpertsAndGates((1, 16, 16), [5, 3], [4], [[4, 4]], gate_size)
    randomise(group)
    images = np.random.default_rng(6).random((7, 1, 16, 16), "f4")
    experts, logits = group([paddle.to_tensor(images)])
    expected = group.image_experts(paddle.to_tensor(images)).numpy().transpose(1, 0, 2)
    assert experts.shape == [7, 4, 3]
    np.testing.assert_array_equal(experts.numpy(), expected)
    values = arrays(group)
    x = images.reshape(7, -1).astype(np.float64) @ values["inputs.0.weight"]
    x = x + values["inputs.0.bias"]
    if gate_size:
        own = np.split(relu(x), 2, axis=1)
        own = [stacked_mlp(values, "deeper_gates", gate, each) for gate, each in enumerate(own)]
        weight, bias = values["gate_logits.weight"], values["gate_logits.bias"]
        x = np.concatenate([own[gate] @ weight[gate] + bias[gate] for gate in (0, 1)], axis=1)
    np.testing.assert_allclose(logits.numpy(), x, rtol=1e-4, atol=1e-3)


def test_every_expert_is_trained_and_only_by_the_tasks_that_see_it():
    group = Group(7, 4, CGC, [6], [2])
    group([paddle.rand([9, 7])])[:, 0].sum().backward()
    columns = group.inputs[0].weight.grad.numpy()[:, : 6 * 4].reshape(7, 6, 4)
    touched = np.abs(columns).sum(axis=(0, 2)) > 0
    assert touched.tolist() == [True, True, False, False, True, True]


def test_towers_are_separate_perceptrons():
    towers = Towers(2, 6, [5, 4])
    randomise(towers)
    values = arrays(towers)
    for x in (np.random.rand(2, 3, 6).astype("f4"), np.random.rand(3, 6).astype("f4")):
        found = towers(paddle.to_tensor(x)).numpy()
        for task in range(2):
            own = x[task] if x.ndim == 3 else x
            hidden = stacked_mlp(values, "hidden", task, own)
            expected = hidden @ values["output.weight"][task] + values["output.bias"][task]
            np.testing.assert_allclose(found[task], expected, rtol=1e-5, atol=1e-6)


def test_a_tower_without_hidden_layers_is_linear():
    towers = Towers(2, 6, [])
    assert sorted(towers.state_dict()) == ["output.bias", "output.weight"]
    assert towers(paddle.rand([3, 6])).shape == [2, 3, 2]


def test_a_stack_starts_as_its_layers_would_alone():
    """Glorot's bound is that of one layer, not of the stack."""
    weight = StackedLinear(50, 30, 10).weight.numpy()
    bound = np.sqrt(6 / (30 + 10))
    assert 0.98 * bound < np.abs(weight).max() <= bound
    expert_columns = Group(30, 10, [list(range(50))], [50], [1]).inputs[0].weight.numpy()
    assert 0.98 * bound < np.abs(expert_columns).max() <= bound


def test_dropout_acts_in_training_alone():
    group = Group(7, 64, ALL3 * 2, [3], [2], dropout=0.5)
    x = [paddle.rand([50, 7])]
    assert not np.array_equal(group(x).numpy(), group(x).numpy())
    group.eval()
    np.testing.assert_array_equal(group(x).numpy(), group(x).numpy())
