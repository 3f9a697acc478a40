"""Nested YAML checked by Pydantic: each error is one line with the key and both values."""

import importlib
import sys
from typing import Annotated, Literal, Optional, Union

import pytest

from engine.config.yaml_models import AfterValidator, Entry, Field, model_validator, read
from engine.system.errors import UserError


def _even(number):
    if number % 2:
        raise ValueError(f"expected an even number, found {number}")
    return number


class Inner(Entry):
    name: str
    count: Annotated[int, Field(ge=0), AfterValidator(_even)] = 0


class Outer(Entry):
    inner: dict[str, Inner]
    kinds: list[Literal["a", "b"]] = Field(["a"], min_length=1)
    flag: bool = False
    either: Optional[Union[Inner, str]] = None

    @model_validator(mode="after")
    def _check(self):
        if self.flag and not self.inner:
            raise ValueError("flag needs an entry of inner")
        return self


def test_a_valid_content_becomes_an_object():
    made = read(Outer, {"inner": {"x": {"name": "n", "count": 2}}, "kinds": ["b"]}, "F")
    assert made.inner["x"] == Inner(name="n", count=2)
    assert (made.kinds, made.flag, made.either) == (["b"], False, None)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (3, "F: expected keys among inner, kinds, flag, either, found 3"),
        ({}, "F: inner is not set"),
        ({"iner": {}}, "F: unknown key iner; did you mean 'inner'?"),
        ({"inner": {}, 3: 4}, "F: unknown key 3"),
        ({"inner": []}, "F: inner: expected keys and values, found []"),
        ({"inner": {"x": None}}, "F: inner.x: expected keys among name, count, found None"),
        ({"inner": {"x": {"name": 3}}}, "F: inner.x.name: expected a text, found 3"),
        ({"inner": {"x": {"name": "n", "coun": 3}}}, "F: inner.x: unknown key coun; did you"),
        ({"inner": {"x": {"name": "n", "count": "2"}}}, "count: expected an integer, found '2'"),
        ({"inner": {"x": {"name": "n", "count": 2.0}}}, "count: expected an integer, found 2.0"),
        ({"inner": {"x": {"name": "n", "count": True}}}, "count: expected an integer, found True"),
        ({"inner": {"x": {"name": "n", "count": -2}}}, "x.count: expected at least 0, found -2"),
        ({"inner": {"x": {"name": "n", "count": 3}}}, "x.count: expected an even number, found 3"),
        ({"inner": {}, "kinds": "a"}, "F: kinds: expected a list, found 'a'"),
        ({"inner": {}, "kinds": []}, "F: kinds: expected at least 1, found []"),
        ({"inner": {}, "kinds": ["a", "c"]}, "F: kinds.1: expected 'a' or 'b', found 'c'"),
        ({"inner": {}, "flag": 1}, "F: flag: expected True or False, found 1"),
        ({"inner": {}, "flag": True}, "F: flag needs an entry of inner"),
        ({"inner": {}, "either": {"nam": 1}}, "F: either: unknown key nam; did you mean 'name'?"),
        ({"inner": {1: {"name": "n"}}}, "F: inner.1: expected a text, found 1"),
    ],
)
def test_an_error_is_one_line(content, problem):
    with pytest.raises(UserError) as caught:
        read(Outer, content, "F")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_pydantic_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydantic", None)
    monkeypatch.delitem(sys.modules, "engine.config.yaml_models")
    with pytest.raises(UserError, match=r"needs Pydantic: pip install 'pydantic>=2'"):
        importlib.import_module("engine.config.yaml_models")
