"""The made-up impressions of docs/table.md: the columns of earlier versions, and the formulas."""

import csv
import hashlib
import io

import numpy as np
import pytest

from datasets.example_table import sample


@pytest.fixture(scope="module")
def rows():
    return list(csv.DictReader(io.StringIO(sample.content_of(2022, 0, 3_000).decode())))


def test_columns_added_later_left_the_earlier_ones_as_they_were(rows):
    """The hash is that of the first 3,000 rows which the generator wrote before it had numbers."""
    names = ("click", "like", "age", "duration", "city", "device", "user_id", "tags")
    text = "\n".join("\t".join(row[name] for name in names) for row in rows)
    assert (
        hashlib.sha256(text.encode()).hexdigest()
        == "037660191b5df930ed2c90d3fae3e6d2b38e4fa3a6a92301c2427dcbc661728c"
    )


def test_watch_time_rating_and_weights_follow_the_stated_formulas(rows):
    music = np.array([bool({"music", "games"} & set(row["tags"].split("|"))) for row in rows])
    travel = np.array([bool({"travel", "food"} & set(row["tags"].split("|"))) for row in rows])
    long = np.array([int(row["duration"] or 0) >= 60 for row in rows])
    young = np.array([int(row["age"] or 99) < 30 for row in rows])
    third = np.array([int(row["user_id"]) % 3 == 0 for row in rows])
    city = np.array([row["city"] in ("Berlin", "Paris") for row in rows])
    click = np.array([row["click"] == "1" for row in rows])
    television = np.array([row["device"] == "television" for row in rows])

    watched = np.array([float(row["watch_time"] or "nan") for row in rows])
    assert (np.isnan(watched) == ~click).all()
    factors = watched[click] / (4 + 20 * music + 10 * long + 10 * third)[click]
    assert set(np.round(100 * factors, 6)) == set(range(80, 121))

    rating = np.array([float(row["rating"] or "nan") for row in rows])
    rated = ~np.isnan(rating)
    assert rated.mean() == pytest.approx(0.4, abs=0.03)
    assert set(rating[rated]) == {0, 1, 2, 3, 4}
    exact = (rating == sum(map(np.int64, (travel, young, third, city))))[rated]
    assert exact.mean() == pytest.approx(0.8 + 0.2 / 5, abs=0.03)

    for name, on_television, otherwise in (("weight", 2, 1), ("watch_weight", 0.5, 1)):
        found = np.array([float(row[name]) for row in rows])
        assert (found == np.where(television, on_television, otherwise)).all()
