from __future__ import annotations

import hashlib
import io
import subprocess
import sys

import numpy as np
import pytest
from raw_table import ROOT

from datasets.census import sample
from datasets.census.columns import BLOCKS, FIRST_BLOCK, LABELS, NUMERICS, STARTS, WIDTH

# Of the bytes that seed 2022 gives; the same on numpy 1.26 and 2.x.
SHA256 = {
    "train": "da183e0fd9021970746dc2b85a503d2f4cb85d2c4396172577152c56d38ade2b",
    "test": "9b86234d534f5c929dd0cf0d256ca6dfdbd1d9e8d94ed428a610d4646ba739c8",
}


def load(text: str) -> np.ndarray:
    return np.loadtxt(io.StringIO(text), delimiter=",")


@pytest.fixture(scope="module")
def tables():
    """The default train and test tables."""
    return [load(sample.table(2022, split, rows)) for split, rows in enumerate((400, 200))]


def column(table, name):
    return table[:, len(LABELS) + NUMERICS.index(name)]


def test_bytes_are_pinned_and_those_that_ship(tmp_path):
    assert sample.main(["--output_dir", str(tmp_path)]) == 0
    for name, expected in SHA256.items():
        content = (tmp_path / name / f"{name}_data.txt").read_bytes()
        assert hashlib.sha256(content).hexdigest() == expected
        shipped = ROOT / "datasets" / "census" / "sample_data" / name / f"{name}_data.txt"
        assert shipped.read_bytes() == content
        assert len(content) < 1_100 * content.count(b"\n")
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == [
        "test_data.txt",
        "train_data.txt",
    ]


def test_form(tables):
    for table, rows in zip(tables, (400, 200)):
        assert table.shape == (rows, WIDTH)
        assert set(np.unique(table[:, :2])) == {0, 1}
        assert set(np.unique(table[:, FIRST_BLOCK:])) == {0, 1}
        for block in BLOCKS:
            start = STARTS[block.column]
            assert (table[:, start : start + block.size].sum(axis=1) == 1).all()


def test_numerics_look_like_a_census(tables):
    for table in tables:
        assert 0 <= column(table, "age").min() <= column(table, "age").max() <= 90
        for name in ("wage_per_hour", "capital_gains", "capital_losses", "stock_dividends"):
            assert np.mean(column(table, name) == 0) > 0.6
            assert column(table, name).max() > 1_000
        weeks = column(table, "weeks_worked")
        assert np.mean((weeks == 0) | (weeks == 52)) > 0.75
        assert set(column(table, "year")) == {94, 95}
        assert np.mean(column(table, "instance_weight") % 1 != 0) > 0.9


def test_labels_have_both_classes_in_about_the_shares_stated(tables):
    for table in (*tables, load(sample.table(7, 0, 3_000))):
        assert table[:, 0].mean() == pytest.approx(0.45, abs=0.06)
        assert table[:, 1].mean() == pytest.approx(0.25, abs=0.06)


def test_labels_follow_the_stated_formula(tables):
    """Where the score is beyond the reach of the noise, the label is certain."""
    for table in tables:
        hot = {block.column: table[:, STARTS[block.column] :] for block in BLOCKS}
        taxes, home = hot["tax_filer_stat"], hot["det_hh_summ"]
        marital = 3 * (column(table, "age") < 30) + 2 * (taxes[:, 5] + taxes[:, 4])
        marital -= 2 * (home[:, 4] + home[:, 7])
        income = 3 * (column(table, "weeks_worked") >= 40)
        income = income + 3 * hot["education"][:, [9, 11, 14, 15]].sum(axis=1)
        income += 2 * (column(table, "stock_dividends") > 0) + hot["sex"][:, 1]
        for label, score, threshold in ((0, marital, 2), (1, income, 6)):
            assert (table[score >= threshold + 1, label] == 1).all()
            assert (table[score < threshold - 1, label] == 0).all()


def test_logistic_regression_learns_both_tasks(tables):
    linear_model = pytest.importorskip("sklearn.linear_model")
    from sklearn.metrics import roc_auc_score

    features = [table[:, 2:].copy() for table in tables]
    for matrix in features:
        matrix[:, :11] = np.log1p(matrix[:, :11])
    mean, spread = features[0][:, :11].mean(axis=0), features[0][:, :11].std(axis=0)
    for matrix in features:
        matrix[:, :11] = (matrix[:, :11] - mean) / spread
    for task in range(2):
        model = linear_model.LogisticRegression(max_iter=1_000).fit(features[0], tables[0][:, task])
        assert roc_auc_score(tables[1][:, task], model.predict_proba(features[1])[:, 1]) > 0.85


def test_seeds_and_files_differ():
    first = sample.table(2022, 0, 30)
    assert first == sample.table(2022, 0, 40)[: len(first)]
    lines = [set(sample.table(*of, 30).splitlines()) for of in ((2022, 0), (2022, 1), (3, 0))]
    assert not lines[0] & lines[1]
    assert not lines[0] & lines[2]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "error: the following arguments are required: --output_dir"),
        (
            ["--output_dir", "x", "--seed", "-1"],
            "error: argument --seed: expected an integer from 0 to 4294",
        ),
        (
            ["--output_dir", "x", "--seed", str(2**32)],
            "error: argument --seed: expected an integer from 0 to 4294",
        ),
        (
            ["--output_dir", "x", "--train_rows", "0"],
            "error: argument --train_rows: expected an integer from 1 to",
        ),
        (
            ["--output_dir", "x", "--test_rows", "1e3"],
            "error: argument --test_rows: expected an integer from 1 to",
        ),
        (["--output_dir", __file__], "error: "),
    ],
)
def test_mistakes_are_one_line(tmp_path, arguments, complaint):
    done = subprocess.run(
        [sys.executable, "-m", "datasets.census.sample", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(complaint)
    assert len(done.stderr.splitlines()) == 1
    assert not (ROOT / "x").exists()
