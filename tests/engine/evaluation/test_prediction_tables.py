"""Tables of predictions as files."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from engine.evaluation import predictions
from engine.system.errors import UserError


def test_a_csv_keeps_names_and_nine_digits(tmp_path):
    path = tmp_path / "new" / "folder" / "table.csv"
    values = np.array([1 / 3, 1e-12], "float32")
    predictions.write(str(path), {"income": values, "marital": np.array([0.0, 1.0])})
    lines = path.read_text().splitlines()
    assert lines[0] == "income,marital"
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    np.testing.assert_array_equal(table[:, 0].astype("float32"), values)


def test_names_of_classes_may_have_any_characters(tmp_path):
    """Commas and quotes are quoted as Python's csv module reads them; text is UTF-8."""
    path = tmp_path / "table.csv"
    names = ["rating_好", "rating_bad, or worse", 'rating_"so"', "rating_a\nb"]
    predictions.write(str(path), {name: np.array([0.5, 0.25]) for name in names})
    with open(path, encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [names, ["0.5"] * 4, ["0.25"] * 4]


@pytest.mark.parametrize("ending", [".csv", ".npy"])
def test_a_table_is_written_completely_or_not_at_all(tmp_path, monkeypatch, ending):
    path = tmp_path / f"table{ending}"
    predictions.write(str(path), {"a": np.zeros(3)})
    before = path.read_bytes()

    def full(*arguments, **options):
        Path(arguments[0]).write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    monkeypatch.setattr(np, "savetxt", full)
    with pytest.raises(UserError, match=r"cannot write .*: No space left on device"):
        predictions.write(str(path), {"a": np.ones(3)})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]
