"""Each type of ``hyper_parameters.bottom`` against numbers by hand and formulas in NumPy."""

import numpy as np
import paddle
import pytest
from bottoms import LAYOUT, features, made, out, relu, set_values, values_of

from models.common.layout import Layout

PLAIN = Layout(("dense",), (2,))  # numbers only
PAIR = Layout(("dense", "a", "b"), (1, 2, 2), ("a", "b"), 2)  # one number, two fields


def norm(x, gain, bias):
    centred = x - x.mean(-1, keepdims=True)
    return gain * centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) + bias


def fields(x, layout):
    """Cuts features into the leading numbers and the vectors ``[n, fields, size]``."""
    count = len(layout.fields) * layout.embedding_size
    rest = x.shape[1] - count
    return x[:, :rest], x[:, rest:].reshape(len(x), -1, layout.embedding_size)


# None and mlp


@pytest.mark.parametrize("section", [None, {}, "none", {"type": "none"}])
def test_none_leaves_the_features_as_they_are(section):
    assert made(section) is None


def test_mlp_by_hand():
    part = made({"type": "mlp", "hidden": [2, 1]}, PLAIN)
    first, second = part.layers.layers
    set_values(first, weight=[[1, -1], [2, 0]], bias=[0, 0.5])
    set_values(second, weight=[[3], [1]], bias=[-2])
    # [1, 2]: relu(5, -0.5) = (5, 0), relu(15 - 2) = 13; [-1, 0]: (0, 1.5), relu(1.5 - 2) = 0.
    assert out(part, [[1, 2], [-1, 0]]).tolist() == [[13], [0]]
    assert part.out_size == 1


# DCN-v2


def test_two_cross_layers_by_hand():
    part = made({"type": "dcn_v2", "layers": 2}, PLAIN)
    first, second = part.crosses
    set_values(first, weight=[[1, 0], [1, 2]], bias=[0, -1])
    set_values(second, weight=[[0, 1], [1, 0]], bias=[1, 0])
    # x0 = (1, 2). Row times weight: (1 + 2, 4), plus bias (3, 3); times x0 (3, 6), plus x0: (4, 8).
    # Second: (8, 4) + (1, 0) = (9, 4); times x0 (9, 8); plus (4, 8): (13, 16).
    assert out(part, [[1, 2]]).tolist() == [[13, 16]]


def test_a_mixture_of_low_rank_layers_by_hand():
    part = made({"type": "dcn_v2", "layers": 1, "rank": 1, "experts": 2}, PLAIN)
    (cross,) = part.crosses
    set_values(cross, down=[[1, 0], [0, 1]], up=[[1, 2], [4, 0]], bias=[0.5, 0])
    set_values(cross.gate, weight=[[0, 0], [0, 0]], bias=[0, np.log(3)])
    # Gates 1/4 and 3/4. x0 = (2, 4): inner (2, 4), gated (0.5, 3); up: (0.5 + 12, 1); plus bias
    # (13, 1); times x0 (26, 4); plus x0: (28, 8).
    np.testing.assert_allclose(out(part, [[2, 4]]), [[28, 8]], rtol=1e-6)


def test_without_weights_a_cross_layer_is_the_identity():
    x = features()
    for options in ({}, {"rank": 3}, {"rank": 3, "experts": 2}):
        part = made({"type": "dcn_v2", "layers": 3, **options})
        for parameter in part.crosses.parameters():
            parameter.set_value(paddle.zeros_like(parameter))
        np.testing.assert_array_equal(out(part, x), x)


def test_low_rank_of_full_rank_is_the_full_matrix():
    """W = I W, so V = I and U = W."""
    full = made({"type": "dcn_v2", "layers": 2}, random=True)
    low = made({"type": "dcn_v2", "layers": 2, "rank": LAYOUT.size})
    for cross, wide in zip(low.crosses, full.crosses):
        values = values_of(wide)
        set_values(cross, down=np.eye(LAYOUT.size), up=values["weight"], bias=values["bias"])
    x = features()
    np.testing.assert_allclose(out(low, x), out(full, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("structure", ["stacked", "parallel"])
@pytest.mark.parametrize("experts", [1, 3])
def test_dcn_v2_is_its_formula(structure, experts):
    options = {"layers": 2, "rank": 2, "experts": experts, "hidden": [5, 4]}
    part = made({"type": "dcn_v2", "structure": structure, **options}, random=True)
    x, values = features(), values_of(part)

    def deep(h):
        for layer in "01":
            weight, bias = (values[f"deep.layers.{layer}.{name}"] for name in ("weight", "bias"))
            h = relu(h @ weight + bias)
        return h

    h = x.astype(np.float64)
    for number in range(2):
        cross = {k[10:]: v for k, v in values.items() if k.startswith(f"crosses.{number}.")}
        gates = np.ones((len(x), 1))
        if experts > 1:
            gates = np.exp(h @ cross["gate.weight"] + cross["gate.bias"])
            gates /= gates.sum(1, keepdims=True)
        mixed = np.zeros_like(h)
        for expert in range(experts):  # equation 3, one expert after another
            v, u = cross["down"][:, 2 * expert :][:, :2], cross["up"][2 * expert :][:2]
            mixed += gates[:, [expert]] * (x * (h @ v @ u + cross["bias"]))
        h = mixed + h
    expected = deep(h) if structure == "stacked" else np.concatenate([h, deep(x)], 1)
    assert part.out_size == expected.shape[1]
    np.testing.assert_allclose(out(part, x), expected, rtol=1e-4, atol=1e-4)


# FM


def test_fm_by_hand():
    # Fields (1, 2) and (3, -1): the product of the one pair is (3, -2).
    part = made("fm", PAIR)
    assert out(part, [[7, 1, 2, 3, -1]]).tolist() == [[7, 1, 2, 3, -1, 3, -2]]


def test_fm_is_the_sum_over_all_pairs():
    x, part = features(), made("fm")
    vectors = fields(x, LAYOUT)[1].astype(np.float64)
    pairs = np.zeros((len(x), LAYOUT.embedding_size))
    scalar = np.zeros(len(x))  # the second-order term of a factorization machine
    for i in range(len(LAYOUT.fields)):
        for j in range(i):
            pairs += vectors[:, i] * vectors[:, j]
            scalar += (vectors[:, i] * vectors[:, j]).sum(1)
    found = out(part, x)
    np.testing.assert_array_equal(found[:, : LAYOUT.size], x)
    np.testing.assert_allclose(found[:, LAYOUT.size :], pairs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[:, LAYOUT.size :].sum(1), scalar, rtol=1e-4, atol=1e-5)


# MaskNet


def test_one_mask_block_by_hand():
    part = made({"type": "masknet", "blocks": 2, "reduction": 0.5}, PLAIN)
    (block,) = part.blocks
    set_values(block.aggregation, weight=[[1], [1]], bias=[-1])
    set_values(block.projection, weight=[[1, 0.5]], bias=[0, 2])
    set_values(block, weight=[[1, 0], [0, 1]])
    set_values(block.norm, gain=[2, 2], bias=[0, 1])
    # x = (1, 2): relu(3 - 1) = 2; mask (2, 1 + 2); times x (2, 6), of mean 4 and deviation 2:
    # (-1, 1); times 2, plus (0, 1): (-2, 3); relu: (0, 3).
    np.testing.assert_allclose(out(part, [[1, 2]]), [[0, 3]], atol=1e-4)


@pytest.mark.parametrize("layout", [LAYOUT, PLAIN], ids=["fields", "numbers"])
@pytest.mark.parametrize("structure", ["serial", "parallel"])
def test_masknet_is_its_formula(structure, layout):
    section = {"type": "masknet", "blocks": [6, 3], "structure": structure, "reduction": 1.5}
    part = made(section, layout, random=True)
    x, values = features(layout), values_of(part)
    rest, vectors = fields(x, layout) if layout.fields else (x, None)
    normed = x
    if vectors is not None:  # one field after another
        each = [norm(v, values["norm.gain"], values["norm.bias"]) for v in vectors.swapaxes(0, 1)]
        normed = np.concatenate([rest, *each], 1)
    h, outputs = normed, []
    for number in range(2):
        own = {k[9:]: v for k, v in values.items() if k.startswith(f"blocks.{number}.")}
        inner = relu(x @ own["aggregation.weight"] + own["aggregation.bias"])
        assert inner.shape[1] == round(1.5 * h.shape[1])
        mask = inner @ own["projection.weight"] + own["projection.bias"]
        product = (mask * h) @ own["weight"]
        outputs.append(relu(norm(product, own["norm.gain"], own["norm.bias"])))
        h = outputs[-1] if structure == "serial" else normed
    expected = h if structure == "serial" else np.concatenate(outputs, 1)
    assert part.out_size == expected.shape[1]
    np.testing.assert_allclose(out(part, x), expected, rtol=2e-4, atol=2e-4)


def test_with_masks_of_1_masknet_is_a_perceptron_with_layer_norm():
    part = made({"type": "masknet", "blocks": [4, 3]}, PLAIN, random=True)
    for block in part.blocks:
        set_values(block.projection, weight=np.zeros(block.projection.weight.shape), bias=1)
    x = features(PLAIN)
    values, h = values_of(part), x
    for number in "01":
        weight, gain, bias = (
            values[f"blocks.{number}.{name}"] for name in ("weight", "norm.gain", "norm.bias")
        )
        h = relu(norm(h @ weight, gain, bias))
    np.testing.assert_allclose(out(part, x), h, rtol=1e-4, atol=1e-4)


# SENet and bilinear products


def test_senet_by_hand():
    part = made({"type": "senet", "reduction": 2}, PAIR)
    set_values(part.squeezed, weight=[[1], [2]], bias=[0])
    set_values(part, weight=[[1, -1]], bias=[-2, 6])
    # Means of (1, 3) and (2, 0): (2, 1). relu(2 + 2) = 4; (4 - 2, 6 - 4) = (2, 2).
    assert out(part, [[5, 1, 3, 2, 0]]).tolist() == [[5, 2, 6, 4, 0]]
    # Of (0, 0) and (2, 2): (0, 2). relu(4) = 4; the same weights. Of (-1, -1) and 0: relu(-1) = 0;
    # (-2, 6), and relu(-2) = 0.
    assert out(part, [[5, 0, 0, 2, 2]]).tolist() == [[5, 0, 0, 4, 4]]
    assert out(part, [[5, -1, -1, 0, 0]]).tolist() == [[5, 0, 0, 0, 0]]


def test_senet_starts_as_the_identity_where_embeddings_are_near_0():
    x = features() * 1e-3
    np.testing.assert_allclose(out(made("senet"), x), x, rtol=5e-2)
    part = made("senet")
    part.weight.set_value(paddle.zeros_like(part.weight))
    np.testing.assert_array_equal(out(part, x), x)


@pytest.mark.parametrize("kind", ["all", "each", "interaction"])
def test_bilinear_products_are_their_formula(kind):
    part = made({"type": "senet", "bilinear": kind}, random=True)
    x, values = features(), values_of(part)
    rest, vectors = fields(x, LAYOUT)
    squeezed = relu(vectors.mean(2) @ values["squeezed.weight"] + values["squeezed.bias"])
    weights = relu(squeezed @ values["weight"] + values["bias"])
    weighted = vectors * weights[:, :, None]
    parts = [rest, weighted.reshape(len(x), -1)]
    for number, each in enumerate((vectors, weighted)):
        matrices, pair = values[f"products.{number}.weight"], 0
        for i in range(len(LAYOUT.fields)):
            for j in range(i + 1, len(LAYOUT.fields)):
                place = {"all": 0, "each": i, "interaction": pair}[kind]
                parts.append((each[:, i] @ matrices[place]) * each[:, j])
                pair += 1
        assert len(matrices) == {"all": 1, "each": len(LAYOUT.fields), "interaction": pair}[kind]
    expected = np.concatenate(parts, 1)
    assert part.out_size == expected.shape[1]
    np.testing.assert_allclose(out(part, x), expected, rtol=1e-4, atol=1e-4)
