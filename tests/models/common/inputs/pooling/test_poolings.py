"""Poolings against numbers by hand, and against NumPy on the real ids alone, without a mask."""

import numpy as np
import paddle
import pytest

from datasets.readers.sparse_fields import SEQUENCE_POOLINGS, SparseField
from models.common.inputs.pooling import registry
from models.common.inputs.pooling.activations import Dice, PRelu

SIZE, LENGTH = 4, 5
KINDS = {
    "sum": "sum",
    "mean": "mean",
    "max": "max",
    "last": "last",
    "din": {"type": "din", "hidden": [6, 3]},
    "din prelu softmax": {"type": "din", "hidden": [6], "activation": "prelu", "softmax": True},
    "din sigmoid": {"type": "din", "hidden": [6], "activation": "sigmoid"},
    "attention": {"type": "attention", "heads": 2, "layers": 2},
    "gru": "gru",
}
MASK = np.array(
    [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]], "f4"
)


def made(kind, length=LENGTH, size=SIZE):
    """A pooling in evaluation, with numbers large enough that a mistake shows."""
    pooling = KINDS[kind] if isinstance(kind, str) else kind
    part = registry.create(SparseField("seen", 9, length, pooling, sequence=True), size)
    draw = np.random.default_rng(3)
    for name, each in part.named_parameters():
        numbers = draw.normal(size=each.shape).astype("f4")
        each.set_value(np.abs(numbers) + 0.5 if "variance" in name else numbers)
    part.eval()
    return part


def inputs():
    draw = np.random.default_rng(5)
    return draw.normal(size=(5, LENGTH, SIZE)).astype("f4"), draw.normal(size=(5, SIZE))


def run(part, embedded, mask, target):
    arrays = (np.asarray(each, "f4") for each in (embedded, mask, target))
    return part(*map(paddle.to_tensor, arrays)).numpy()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normal(x, layer):
    centred = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return centred / deviation * layer["gain"] + layer["bias"]


def numbers_of(layer):
    return {name: each.numpy().astype(float) for name, each in layer.named_parameters()}


def linear(x, layer):
    found = numbers_of(layer)
    return x @ found["weight"] + found["bias"]


def din(part, items, target, softmax, activation):
    """The paper's unit, whose first layer sees [e, t, e - t, e * t]."""
    found = numbers_of(part)
    third = np.random.default_rng(1).normal(size=found["of_item"].shape)
    first = np.concatenate(
        [found["of_item"] - third, found["of_target.weight"] + third, third, found["of_product"]]
    )
    pairs = np.stack([np.concatenate([e, target, e - target, e * target]) for e in items])
    x = pairs @ first + found["of_target.bias"]
    for place, layer in enumerate(part.layers):
        own = {name.split(".")[-1]: each for name, each in found.items() if f"s.{place}." in name}
        if activation == "sigmoid":
            x = sigmoid(x)
        elif activation == "prelu":
            x = np.where(x > 0, x, own["slope"] * x)
        else:
            p = sigmoid((x - own["mean"]) / np.sqrt(own["variance"] + 1e-8))
            x = p * x + (1 - p) * own["slope"] * x
        x = linear(x, layer)
    scores = x[:, 0]
    if softmax:
        scores = np.exp(scores - scores.max())
        scores /= scores.sum()
    return sum(score * item for score, item in zip(scores, items))


def attention(part, items, heads=2):
    x = items + part.positions.numpy()[: len(items)][::-1]
    for layer in part.layers:
        seen = normal(x, numbers_of(layer.norm))
        query, key, value = (linear(seen, each) for each in (layer.query, layer.key, layer.value))
        parts = []
        for head in range(heads):
            own = slice(head * SIZE // heads, (head + 1) * SIZE // heads)
            scores = query[:, own] @ key[:, own].T / np.sqrt(SIZE / heads)
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            parts.append(weights / weights.sum(axis=1, keepdims=True) @ value[:, own])
        x = x + linear(np.concatenate(parts, axis=1), layer.output)
        inner = np.maximum(linear(normal(x, numbers_of(layer.norm_of_output)), layer.hidden), 0)
        x = x + linear(inner, layer.out)
    return normal(x, numbers_of(part.norm))[-1]


def gru(part, items):
    layer = paddle.nn.GRU(SIZE, SIZE)  # Paddle's own kernel
    for name, own in (("ih", part.of_input), ("hh", part.of_state)):
        getattr(layer, f"weight_{name}_l0").set_value(own.weight.T)
        getattr(layer, f"bias_{name}_l0").set_value(own.bias)
    return layer(paddle.to_tensor(items[None]))[1].numpy()[0, 0]


def reference(kind, part, items, target):
    """What the real ids of one row become."""
    if not len(items):
        return np.zeros(SIZE)
    if kind.startswith("din"):
        return din(part, items, target, "softmax" in kind, (kind + " dice").split()[1])
    return {
        "sum": lambda: items.sum(axis=0),
        "mean": lambda: items.mean(axis=0),
        "max": lambda: items.max(axis=0),
        "last": lambda: items[-1],
        "attention": lambda: attention(part, items),
        "gru": lambda: gru(part, items),
    }[kind]()


@pytest.mark.parametrize("kind", KINDS)
def test_the_vector_is_that_of_the_real_ids_alone(kind):
    part, (embedded, target) = made(kind), inputs()
    found = run(part, embedded, MASK, target)
    for row, mask in enumerate(MASK):
        expected = reference(kind, part, embedded[row][mask > 0], target[row])
        np.testing.assert_allclose(found[row], expected, rtol=2e-4, atol=2e-5, err_msg=str(mask))


@pytest.mark.parametrize("kind", KINDS)
def test_more_padding_and_other_padding_change_nothing(kind):
    part, (embedded, target) = made(kind), inputs()
    found = run(part, embedded, MASK, target)
    longer = made(kind, LENGTH + 3)
    state = part.state_dict()
    if kind == "attention":
        more = np.ones((3, SIZE), "f4")
        state["positions"] = paddle.to_tensor(np.concatenate([state["positions"].numpy(), more]))
    longer.set_state_dict(state)
    padding = np.full((len(MASK), 3, SIZE), 7.0)
    wide = np.concatenate([padding[:, :1], embedded, padding[:, 1:]], axis=1)
    wide_mask = np.pad(MASK, ((0, 0), (1, 2)))
    np.testing.assert_allclose(run(longer, wide, wide_mask, target), found, rtol=1e-5, atol=1e-6)
    other = np.where(MASK[:, :, None] > 0, embedded, 50.0)
    np.testing.assert_allclose(run(part, other, MASK, target), found, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_learns_nothing_and_real_ids_do(kind):
    """In training, where Dice's statistics are the batch's."""
    part, (embedded, target) = made(kind), inputs()
    part.train()
    leaf = paddle.to_tensor(embedded, stop_gradient=False)
    out = part(leaf, paddle.to_tensor(MASK), paddle.to_tensor(target.astype("f4")))
    (out * paddle.arange(SIZE, dtype="float32")).sum().backward()
    gradient = np.abs(leaf.grad.numpy()).sum(axis=-1)
    assert np.isfinite(gradient).all()
    # Paddle's softmax gives padding e^-64 in place of 0.
    np.testing.assert_allclose(gradient[MASK == 0], 0.0, atol=1e-20)
    if kind != "max":
        assert all(gradient[place] > 1e-6 for place in [(0, 4), (1, 1), (2, 3), (4, 4)])
    if kind not in ("max", "last"):
        assert (gradient[0] > 1e-6).all()


@pytest.mark.parametrize("kind", KINDS)
def test_static_graph_gives_the_same_for_any_batch(kind):
    part, (embedded, target) = made(kind), inputs()
    state = {name: each.numpy() for name, each in part.state_dict().items()}
    paddle.enable_static()
    try:
        program, startup = paddle.static.Program(), paddle.static.Program()
        with (
            paddle.static.scope_guard(paddle.static.Scope()),
            paddle.static.program_guard(program, startup),
        ):
            feeds = {"e": [None, LENGTH, SIZE], "m": [None, LENGTH], "t": [None, SIZE]}
            variables = [paddle.static.data(*each, "float32") for each in feeds.items()]
            own = registry.create(SparseField("seen", 9, LENGTH, KINDS[kind], sequence=True), SIZE)
            own.eval()
            out = own(*variables)
            executor = paddle.static.Executor(paddle.CPUPlace())
            executor.run(startup)
            for name, each in own.named_parameters():
                tensor = paddle.static.global_scope().find_var(each.name).get_tensor()
                tensor.set(state[name], paddle.CPUPlace())
            for rows in (5, 2):
                arrays = (embedded[:rows], MASK[:rows], target[:rows].astype("f4"))
                (found,) = executor.run(program, feed=dict(zip(feeds, arrays)), fetch_list=[out])
                paddle.disable_static()
                expected = run(part, *arrays)
                paddle.enable_static()
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    finally:
        paddle.disable_static()


def test_weights_multiply_in_sum_and_mean():
    """Weights 0.5 and 2 of (1, 2, ...) and (3, 4, ...): 0.5 + 6 = 6.5, over 2.5: 2.6."""
    embedded = np.arange(1, 1 + 3 * SIZE).reshape(1, 3, SIZE)
    mask, target = [[0.5, 0.0, 2.0]], np.zeros((1, SIZE))
    total = 0.5 * embedded[0, 0] + 2 * embedded[0, 2]
    np.testing.assert_allclose(run(made("sum", 3), embedded, mask, target)[0], total, rtol=1e-6)
    found = run(made("mean", 3), embedded, mask, target)[0]
    np.testing.assert_allclose(found, total / 2.5, rtol=1e-6)
    zeros = run(made("mean", 3), embedded, [[0.0, 0.0, 0.0]], target)
    np.testing.assert_array_equal(zeros, 0.0)


def test_din_by_hand():
    """Items 1 and 2, target 3, one hidden unit: its input is e + t + 2 (e t) + 0.5.

    e = 1: 1 + 3 + 6 + 0.5 = 10.5; e = 2: 2 + 3 + 12 + 0.5 = 17.5. PReLU leaves them; the output
    is 0.1 x - 1: weights 0.05 and 0.75, which are not normalised: 0.05 * 1 + 0.75 * 2 = 1.55.
    """
    kind = {"type": "din", "hidden": [1], "activation": "prelu"}
    part = made(kind, 3, 1)
    for name, value in (("of_item", 1), ("of_product", 2), ("of_target.weight", 1)):
        dict(part.named_parameters())[name].set_value(np.full([1, 1], value, "f4"))
    part.of_target.bias.set_value(np.array([0.5], "f4"))
    part.layers[0].weight.set_value(np.array([[0.1]], "f4"))
    part.layers[0].bias.set_value(np.array([-1.0], "f4"))
    found = run(part, [[[1], [2], [9]]], [[1, 1, 0]], [[3]])
    np.testing.assert_allclose(found, [[1.55]], rtol=1e-5)


def test_attention_by_hand():
    """Queries of 0 attend equally: to (0, 2) and (6, 0), normalised (-1, 1) and (1, -1), mean 0.

    With a third id (0, 1), normalised (-1, 1), the mean is (-1, 1) / 3. The last id becomes
    (0, 1) + (-1, 1) / 3 = (-1, 4) / 3, normalised (-1, 1).
    """
    part = made("attention", 4, 2)
    part.layers[0].hidden.weight.set_value(np.zeros((2, 2), "f4"))
    for each in part.layers[0].sublayers():
        for name, parameter in each.named_parameters():
            parameter.set_value(np.full(parameter.shape, float("gain" in name), "f4"))
    for each in (part.layers[0].value, part.layers[0].output):
        each.weight.set_value(np.eye(2, dtype="f4"))
    part.norm.gain.set_value(np.array([1, 2], "f4"))
    part.norm.bias.set_value(np.array([0, 10], "f4"))
    part.positions.set_value(np.zeros((4, 2), "f4"))
    part.layers = part.layers[:1]
    embedded = [[[0, 2], [6, 0], [0, 1], [5, 5]]]
    found = run(part, embedded, [[1, 1, 1, 0]], [[0, 0]])
    np.testing.assert_allclose(found, [[-1, 10 + 2]], rtol=1e-4)


def test_gru_by_hand():
    """With weights of 0 but for the new state's, it moves half of the way to tanh(x)."""
    part = made("gru", 3, 1)
    for each in part.parameters():
        each.set_value(np.zeros(each.shape, "f4"))
    part.of_input.weight.set_value(np.array([[0, 0, 1]], "f4"))
    found = run(part, [[[1], [9], [2]]], [[1, 0, 1]], [[0]])
    first = 0.5 * np.tanh(1)
    np.testing.assert_allclose(found, [[0.5 * first + 0.5 * np.tanh(2)]], rtol=1e-6)


def test_dice_by_hand():
    """Of 1, 3 and padding: mean 2, variance 1, so p is s(-1) and s(1); alpha is 0.5."""
    layer = Dice(1)
    layer.slope.set_value(np.array([0.5], "f4"))
    x, shares = np.array([[1], [3], [100]], "f4"), np.array([[0.5, 0.5, 0]], "f4")
    found = layer(paddle.to_tensor(x), paddle.to_tensor(shares)).numpy()[:2, 0]
    p = sigmoid(np.array([-1, 1]))
    np.testing.assert_allclose(found, p * [1, 3] + (1 - p) * 0.5 * np.array([1, 3]), rtol=1e-5)
    # A tenth of the way from 0 to 2, and from 1 to 1.
    np.testing.assert_allclose(layer.mean.numpy(), [[0.2]], rtol=1e-6)
    np.testing.assert_allclose(layer.variance.numpy(), [[1.0]], rtol=1e-6)
    layer(paddle.to_tensor(x * np.nan), paddle.to_tensor(shares))
    np.testing.assert_allclose(layer.mean.numpy(), [[0.2]], rtol=1e-6)
    layer.eval()
    found = layer(paddle.to_tensor(x[:1]), None).numpy()
    p = sigmoid(0.8)
    np.testing.assert_allclose(found, [[p + (1 - p) * 0.5]], rtol=1e-5)


def test_prelu_by_hand():
    found = PRelu(2)(paddle.to_tensor([[-4.0, 2.0], [8.0, -1.0]]), None)
    assert found.numpy().tolist() == [[-1, 2], [8, -0.25]]


def test_poolings_without_ids_give_zeros():
    embedded, target = inputs()
    for kind in KINDS:
        part = made(kind)
        part.train()
        found = run(part, embedded, np.zeros_like(MASK), target)
        np.testing.assert_array_equal(found, 0.0, err_msg=kind)


def test_every_pooling_is_tested():
    assert {kind.split()[0] for kind in KINDS} == set(registry.KINDS)
    assert set(SEQUENCE_POOLINGS) < set(registry.KINDS)


@pytest.mark.parametrize(
    ("pooling", "message"),
    [
        ({"type": "attention", "heads": 3}, "pooling.heads: expected a divisor of embedding_size"),
        ({"type": "din", "hidden": []}, "pooling.hidden: expected at least 1 layer, found none"),
        ({"type": "din", "hiden": [3]}, "did you mean hidden"),
        ({"type": "din", "activation": "relu"}, "expected dice, prelu or sigmoid, found 'relu'"),
        ({"type": "din", "softmax": 1}, "pooling.softmax: expected True or False, found 1"),
        ({"type": "gru", "layers": 2}, "gru: unknown option layers; it has no options"),
    ],
)
def test_options_that_do_not_fit_name_their_key(pooling, message):
    with pytest.raises(
        ValueError, match=r"hyper_parameters\.sparse_fields: seen: pooling"
    ) as caught:
        registry.create(SparseField("seen", 9, 3, pooling, sequence=True), SIZE)
    assert message in str(caught.value)
