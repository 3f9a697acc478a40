"""`hyper_parameters.sparse_fields`, as readers and models take it."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from datasets.readers.sparse_fields import SparseField, fields_of


def config(entries):
    return {"hyper_parameters.sparse_fields": entries}


def test_a_field_and_its_defaults():
    full = {"name": "seen", "size": 7, "max_len": 3, "pooling": "max", "share": "item"}
    expected = (
        SparseField("item", 7, max_len=1, pooling="mean", share=None),
        SparseField("seen", 7, max_len=3, pooling="max", share="item"),
    )
    assert fields_of(config([{"name": "item", "size": 7}, full])) == expected
    frozen = (MappingProxyType({"name": "item", "size": 7}), MappingProxyType(full))
    assert fields_of(config(frozen)) == expected
    assert fields_of(config([full, {"name": "item", "size": 7}])) == expected[::-1]


def test_a_sequence_has_a_pooling_with_options_and_a_target():
    din = {"type": "din", "hidden": [8], "softmax": True}
    seen = {**SEEN, "pooling": din}
    (_, found) = fields_of(config([ITEM, {**seen, "target": "item"}]))
    assert found == SparseField("seen", 7, 3, din, sequence=True, target="item")
    assert fields_of(config([ITEM, {**seen, "share": "item"}]))[1].target is None
    weighted = {"name": "tags", "size": 5, "max_len": 2, "weighted": True, "pooling": "sum"}
    assert fields_of(config([weighted]))[0].weighted


def test_no_fields():
    assert fields_of({}) == fields_of(config(None)) == fields_of(config([])) == ()


ITEM = {"name": "item", "size": 7}
SEEN = {"name": "seen", "size": 7, "max_len": 3, "sequence": True, "pooling": "din"}
BAD = {
    "a text": ("item", "expected a list of fields, found 'item'"),
    "one field": (ITEM, "expected a list of fields, found {'name'"),
    "no field": ({}, "expected a list of fields, found {}"),
    "a number": ([7], "expected a mapping with name, size .* found 7"),
    "a text in the list": (["item"], "expected a mapping with name, size .* found 'item'"),
    "no size": ([{"name": "item"}], "expected a mapping .* found {'name': 'item'}"),
    "no name": ([{"size": 7}], "expected a mapping .* found {'size': 7}"),
    "another key": ([{**ITEM, "len": 3}], "item: expected keys among name, size, .* found 'len'"),
    "a name that is a number": (
        [{**ITEM, "name": 10914}],
        r"name: expected a text in quotation marks, found 10914 \(.* as a number",
    ),
    "no name after the colon": (
        [{**ITEM, "name": None}],
        "name: expected a text in quotation marks, found None",
    ),
    "a size with a fraction": ([{**ITEM, "size": 7.5}], "item: size: .* least 2, found 7.5"),
    "a size that is a switch": ([{**ITEM, "size": True}], "item: size: .* integer .* found True"),
    "a size that is a text": ([{**ITEM, "size": "7"}], "item: size: .* integer .* found '7'"),
    "a size of 1": ([{**ITEM, "size": 1}], "item: size: .* at least 2, found 1"),
    "no place for an id": ([{**ITEM, "max_len": 0}], "item: max_len: .* at least 1, found 0"),
    "places that are a text": ([{**ITEM, "max_len": "3"}], "item: max_len: .* found '3'"),
    "another pooling": (
        [{**ITEM, "pooling": "avg"}],
        "item: pooling: expected sum, mean, .* attention or gru, found 'avg'",
    ),
    "a mapping without a type": ([{**ITEM, "pooling": {"hidden": [4]}}], "item: pooling: .* None"),
    "no order for a pooling": (
        [{**ITEM, "max_len": 3, "pooling": {"type": "gru"}}],
        "item: sequence: expected True, because the pooling gru needs the order.* found False",
    ),
    "a sequence of one id": (
        [{**ITEM, "sequence": True}],
        "item: sequence: expected False, because max_len is 1, found True",
    ),
    "a sequence that is a text": (
        [{**ITEM, "max_len": 3, "sequence": "yes"}],
        "item: sequence: expected True or False, found 'yes'",
    ),
    "weights in a maximum": (
        [{**ITEM, "max_len": 3, "pooling": "max", "weighted": True}],
        "item: pooling: expected sum or mean, because the ids are weighted, found 'max'",
    ),
    "weights of one id": (
        [{**ITEM, "weighted": True}],
        "item: weighted: expected False, because max_len is 1, found True",
    ),
    "a target without din": (
        [ITEM, {**SEEN, "pooling": "last", "target": "item"}],
        "seen: target: expected no value, because the pooling is last, not din, found 'item'",
    ),
    "a target of nobody's": ([{**SEEN, "target": "itme"}], "seen: target: .* found 'itme'"),
    "a target of several ids": (
        [{**SEEN, "target": "seen"}, ITEM],
        "seen: target: expected a field of one id, item, found 'seen' .*under share",
    ),
    "no target": ([SEEN, ITEM], "seen: target: expected a field of one id, item, found None"),
    "a list of poolings": ([{**ITEM, "pooling": ["sum"]}], r"item: pooling: .* found \['sum'\]"),
    "one name twice": ([ITEM, {**ITEM, "size": 9}], "expected each field only once, found 'item'"),
    "no share after the colon": ([{**ITEM, "share": None}], "item: share: .* found None"),
    "a list of shares": ([{**ITEM, "share": ["item"]}], r"item: share: .* found \['item'\]"),
    "a table of nobody's": ([{**ITEM, "share": "other"}], "item: share: .* found 'other'"),
    "its own table": ([{**ITEM, "share": "item"}], "item: share: .* found 'item'"),
    "a table of another size": (
        [ITEM, {"name": "last", "size": 8, "share": "item"}],
        "last: share: expected a field of size 8 .* found 'item'",
    ),
    "a table at second hand": (
        [
            ITEM,
            {"name": "last", "size": 7, "share": "item"},
            {"name": "next", "size": 7, "share": "last"},
        ],
        "next: share: .* that has no share of its own, found 'last'",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_entry_is_named(name):
    entries, problem = BAD[name]
    with pytest.raises(ValueError, match=f"^hyper_parameters.sparse_fields: {problem}"):
        fields_of(config(entries))
