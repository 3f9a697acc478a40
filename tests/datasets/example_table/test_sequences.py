"""The made-up histories: their labels follow the stated formulas."""

import csv
import io

import numpy as np

from datasets.example_table import sequences


def test_labels_follow_the_formulas():
    rows = list(csv.DictReader(io.StringIO(sequences.content_of(2022, 0, 1_000).decode())))
    for row in rows:
        past, history = ([int(i) for i in row[name].split("|")] for name in ("past", "history"))
        assert int(row["recent"]) == (past[-1] % 2 == 0)
        assert [item // 4 == int(row["theme"]) // 4 for item in past] == [
            *[False] * (len(past) - 1),
            True,
        ]
        assert int(row["repeated"]) == (int(row["item"]) in history)
        assert 12 <= len(past) <= 30
        assert 3 <= len(history) <= 8
    for name in ("recent", "repeated"):
        assert 0.45 < np.mean([int(row[name]) for row in rows]) < 0.55
    assert (
        sequences.content_of(2022, 0, 50)
        == sequences.content_of(2022, 0, 1_000)[: len(sequences.content_of(2022, 0, 50))]
    )
