"""Readers report how much of a file they have read."""

import gzip
import logging

import numpy as np
import pytest

from datasets.readers import progress, text_matrix
from datasets.readers.table import files
from datasets.readers.table.columns import table_of

ROWS = 60_000


@pytest.fixture
def reports(monkeypatch):
    """All reports: title, done, total and unit."""
    found = []
    logger = logging.getLogger("progress")
    handler = logging.Handler()
    handler.emit = lambda record: found.append((record.getMessage(), *record.progress))
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "propagate", False)
    level = logger.level
    logger.setLevel("DEBUG")
    yield found
    logger.setLevel(level)


def check(found, title, total, unit="bytes"):
    """Reports grow up to the total, and the last one ends the work."""
    done = [each[1] for each in found if each[1] is not None]
    assert {(each[0], *each[2:]) for each in found if each[1] is not None} == {(title, total, unit)}
    assert done == sorted(done)
    assert done[-1] == total
    assert found[-1][:2] == (title, None)


@pytest.mark.parametrize("name", ["x.txt", "x.txt.gz"])
def test_parsing_a_text(tmp_path, reports, name):
    path = tmp_path / name
    numbers = np.random.default_rng(0).random(ROWS)
    text = "".join(f"{number},1\n" for number in numbers).encode()
    path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    assert len(text_matrix.load(str(path), 2, str(tmp_path / "cache"))) == ROWS
    check(reports, f"parsing {path}", path.stat().st_size)
    assert len({each[1] for each in reports}) > 2
    reports.clear()
    text_matrix.load(str(path), 2, str(tmp_path / "cache"))  # from its copy
    assert not reports


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.parquet"])
def test_reading_a_table(tmp_path, reports, name):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / name
    rng = np.random.default_rng(0)
    user = [f"user-{number:020}" for number in rng.integers(0, 10**18, 4 * ROWS)]
    click = rng.integers(0, 2, 4 * ROWS)
    if name.endswith("parquet"):
        parquet.write_table(pa.table({"user": user, "click": click}), str(path))
    else:
        text = "user,click\n" + "".join(f"{one},{two}\n" for one, two in zip(user, click))
        path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    table = table_of(
        {"hyper_parameters.table.labels": ["click"], "hyper_parameters.table.sparse": ["user"]}
    )
    with progress.titled("building the vocabulary from"):
        assert (
            sum(len(columns["user"]) for columns, _ in files.batches(str(path), table, ["user"]))
            == 4 * ROWS
        )
    found = [each for each in reports if each[0].startswith("building")]
    rows = ("rows",) if name.endswith("parquet") else ()
    if not rows:  # the first ones are of the header
        start = max(place for place, each in enumerate(found[:-1]) if each[1] is None) + 1
        found = found[start:]
    total = 4 * ROWS if rows else path.stat().st_size
    check(found, f"building the vocabulary from {path}", total, *rows)
