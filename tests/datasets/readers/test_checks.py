import pytest

from datasets.readers import checks


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: checks.fail("key", "a text", 5), "key: expected a text, found 5"),
        (
            lambda: checks.fail("key", "a text", 5, "quote it"),
            "key: expected a text, found 5 (quote it)",
        ),
        (lambda: checks.list_of("fields", "key", "a"), "key: expected a list of fields, found 'a'"),
        (
            lambda: checks.texts("key", ["a", 1]),
            "key: expected texts, found 1 (write it in quotation marks)",
        ),
        (
            lambda: checks.integer("key", True, 1),
            "key: expected an integer of at least 1, found True",
        ),
        (lambda: checks.integer("key", 9, 1, 8), "key: expected an integer from 1 to 8, found 9"),
        (
            lambda: checks.choice("key", ["sum"], ("sum", "max")),
            "key: expected sum or max, found ['sum']",
        ),
        (
            lambda: checks.keys("key", {"size": 1}, ("name",), ("size",)),
            "key: expected a mapping with name (optional: size), found {'size': 1}",
        ),
        (
            lambda: checks.keys("key", {"name": "a", "sise": 1}, ("name",), ("size",)),
            "key: a: expected keys among name, size, found 'sise'",
        ),
        (
            lambda: checks.distinct("key", "field", ["a", "b", "a"]),
            "key: expected each field only once, found 'a' (remove or rename one)",
        ),
    ],
)
def test_errors(check, message):
    with pytest.raises(ValueError, match=r"^key: ") as caught:
        check()
    assert str(caught.value) == message


def test_valid_values():
    assert checks.list_of("fields", "key", None) == ()
    assert checks.texts("key", None, ("NA",)) == ("NA",)
    assert checks.texts("key", ["a"], ("NA",)) == ("a",)
    assert checks.integer("key", 3, 1, 3) == 3
    assert checks.choice("key", "max", ("sum", "max")) == "max"
    checks.keys("key", {"name": "a"}, ("name",), ("size",))
    checks.distinct("key", "field", ["a", "b"])
