"""Rows of a QueueDataset reader are int64 or float32; other numbers are errors."""

import re

import numpy as np
import pytest

from engine.model_folder.slot_data import SlotDataset


class Generator:
    """Yields the integers or decimals of a line."""

    def generate_sample(self, line):
        values = [float(text) if "." in text else int(text) for text in line.split()]
        return lambda: [[("x", values)]]


def rows(folder, text):
    path = folder / "x.txt"
    path.write_text(text)
    return [row for (row,) in SlotDataset(Generator, [str(path)], {})]


def test_integers_and_decimals(tmp_path):
    found = rows(tmp_path, f"1 {2**63 - 1}\n1.5 2\n")
    assert [row.dtype for row in found] == [np.int64, np.float32]
    assert [row.tolist() for row in found] == [[1, 2**63 - 1], [1.5, 2]]


@pytest.mark.parametrize(
    ("numbers", "kind", "shown"),
    [
        (f"1 {2**63}", "int64", "[1, 9223372036854775808]"),
        ("1.e39", "float32", "[1e+39]"),
        (f".5 {10**400}", "float32", "[0.5, 1000000"),
    ],
)
def test_a_number_that_is_too_large(tmp_path, numbers, kind, shown):
    problem = rf"x\.txt:1: expected numbers of {kind}, found {re.escape(shown)}"
    with pytest.raises(ValueError, match=problem):
        rows(tmp_path, numbers)
