"""Options of ``hyper_parameters.bottom`` that are refused, and what a checkpoint records."""

import re

import numpy as np
import paddle
import pytest
from bottoms import LAYOUT, SECTIONS, features, made, name_of, out

from models.common.layers.interactions import registry
from models.common.layout import Layout

KEY = "hyper_parameters.bottom"
REFUSED = [
    ("dcn", "expected none, mlp, dcn_v2, fm, masknet, senet, found 'dcn'; did you mean dcn_v2?"),
    (3, "expected none, mlp, dcn_v2, fm, masknet, senet, found 3"),
    (["mlp"], "found ['mlp']"),
    (True, "found True"),
    ({"hidden": [3]}, "expected a type (none, mlp, dcn_v2, fm, masknet, senet), such as"),
    ({"type": "none", "layers": 1}, "none: unknown option layers; it has no options"),
    ({"type": "fm", "size": 1}, "fm: unknown option size; it has no options"),
    ({"type": "mlp", "hiden": 3}, "unknown option hiden; it has hidden, dropout; did you mean hid"),
    ({"type": "mlp", "hidden": []}, ".hidden: expected at least 1 layer, found none"),
    ({"type": "mlp", "hidden": [8, 0]}, ".hidden: expected an integer of at least 1, found 0"),
    ({"type": "mlp", "dropout": 1}, ".dropout: expected a number in [0, 1), found 1"),
    ({"type": "dcn_v2", "layers": 0}, ".layers: expected an integer of at least 1, found 0"),
    ({"type": "dcn_v2", "rank": -1}, ".rank: expected an integer of at least 0, found -1"),
    ({"type": "dcn_v2", "rank": 2.0}, ".rank: expected an integer of at least 0, found 2.0"),
    ({"type": "dcn_v2", "experts": 2}, ".rank: expected a rank of at least 1 for experts, found 0"),
    ({"type": "dcn_v2", "structure": "both", "hidden": 4}, ".structure: expected stacked or paral"),
    ({"type": "dcn_v2", "structure": "parallel"}, ".structure: it has no effect without hidden"),
    ({"type": "dcn_v2", "dropout": 0.1}, ".dropout: it has no effect without hidden"),
    ({"type": "masknet", "blocks": []}, ".blocks: expected at least 1 layer, found none"),
    ({"type": "masknet", "reduction": 0}, ".reduction: expected a positive number, found 0"),
    ({"type": "masknet", "structure": "stacked"}, ".structure: expected serial or parallel, found"),
    ({"type": "senet", "reduction": "3"}, ".reduction: expected a positive number, found '3'"),
    ({"type": "senet", "bilinear": True}, ".bilinear: expected none, all, each or interaction, fo"),
]


@pytest.mark.parametrize(("section", "expected"), REFUSED)
def test_what_cannot_be_is_one_line(section, expected):
    with pytest.raises(ValueError, match=rf"\A{KEY}[^\n]*{re.escape(expected)}[^\n]*\Z"):
        registry.create(section, LAYOUT)


@pytest.mark.parametrize("kind", ["fm", "senet"])
@pytest.mark.parametrize(
    ("layout", "found"),
    [(Layout(("dense",), (7,)), "none"), (Layout(("dense", "user"), (7, 4), ("user",), 4), "user")],
)
def test_products_of_fields_need_two_of_them(kind, layout, found):
    expected = f"{kind} multiplies the vectors of sparse fields: expected at least two "
    with pytest.raises(ValueError, match=f"{expected}sparse_fields, found {found};"):
        registry.create(kind, layout)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (None, {"type": "none"}),
        ("fm", {"type": "fm"}),
        ({"type": "dcn_v2", "layers": 2, "rank": 4}, {"type": "dcn_v2", "rank": 4}),
        ({"type": "mlp", "hidden": [256, 128], "dropout": 0.5}, {"type": "mlp"}),
        ({"type": "mlp", "hidden": [128, 256]}, {"type": "mlp", "hidden": [128, 256]}),
    ],
)
def test_a_checkpoint_records_what_differs_from_the_defaults(section, expected):
    assert registry.meaning(section) == expected


@pytest.mark.parametrize("section", SECTIONS, ids=name_of)
def test_a_row_does_not_depend_on_the_others(section):
    x, part = features(rows=9), made(section, random=True)
    whole = out(part, x)
    assert whole.shape == (9, part.out_size)
    for place in (0, 8):
        alone = out(part, x[place : place + 1])
        assert abs(alone - whole[place : place + 1]).max() < 1e-4 * (1 + abs(alone).max())


def layout_of(numbers, fields, size):
    names = tuple(f"f{place}" for place in range(fields))
    sizes = (numbers,) * bool(numbers) + (size,) * fields
    return Layout((("dense",) if numbers else ()) + names, sizes, names, size)


@pytest.mark.parametrize("section", SECTIONS, ids=name_of)
def test_odd_sizes_and_extreme_numbers_give_finite_gradients(section):
    """No number, one field, vectors of one element; rows of zeros and of 10,000."""
    for sizes in ((0, 2, 1), (1, 7, 3), (5, 1, 3), (1, 0, 0)):
        layout = layout_of(*sizes)
        if section["type"] in ("fm", "senet") and sizes[1] < 2:
            continue
        part = made(section, layout)
        for factor, rows in ((0, 1), (1e4, 1), (-1e4, 5)):
            x = paddle.to_tensor(features(layout, rows) * factor, stop_gradient=False)
            found = part(x)
            assert found.shape == [rows, part.out_size]
            found.sum().backward()
            assert np.isfinite(found.numpy()).all()
            assert np.isfinite(x.grad.numpy()).all()
