from __future__ import annotations

import hashlib
import io
import subprocess
import sys

import numpy as np
import pytest
from raw_table import ROOT

from datasets.adult import columns as adult
from datasets.adult import sample as adult_sample
from datasets.kuairand import columns as kuairand
from datasets.kuairand import sample as kuairand_sample

SAMPLES = {"adult": adult_sample, "kuairand": kuairand_sample}
WIDTHS = {"adult": adult.WIDTH, "kuairand": kuairand.WIDTH}
FIRST_IDS = {
    "adult": len(adult.LABEL_NAMES) + len(adult.NUMERICS),
    "kuairand": len(kuairand.LABELS)
    + len(kuairand.DENSE)
    + len(kuairand.HISTORY)
    + len(kuairand.RATES),
}
KUAIRAND_SIZES = {field.name: field.size for field in kuairand.FIELDS}
KUAIRAND_SIZES[kuairand.SEQUENCE] = KUAIRAND_SIZES["video_id"]
SIZES = {
    "adult": [field.size for field in adult.FIELDS],
    "kuairand": [size for name, size in KUAIRAND_SIZES.items() for _ in range(kuairand.IDS[name])],
}
LABELS = {"adult": len(adult.LABEL_NAMES), "kuairand": len(kuairand.LABELS)}
RATES = {
    "adult": (0.20, 0.73),
    "kuairand": (0.57, 0.30, 0.20, 0.52, 0.21, 0.17, 0.17, 0.17, 0.17),
}
# Of the bytes that seed 2022 gives, train and test; the same on numpy 1.26 and 2.x.
SHA256 = {
    "adult": (
        "4656f23f55f613307fbe59c3da6da838171ddd4732687bae9856b3cf33fdf27a",
        "f1a4f1997c5fb54e94347fc8902c334f77bcbc9460e79944233a9ac9ebaac4f8",
    ),
    "kuairand": (
        "d82ec574d28d8999a62d8bee7f6b2a2d96423b1724cdd5ba8a771e121f61ace3",
        "c0386ae5ef75f187dcc8430f00e942386514c7003d378ee98a3ce5d8cbb379a8",
    ),
}
NAMES = list(SAMPLES)


def load(text: str) -> np.ndarray:
    return np.genfromtxt(io.StringIO(text), delimiter=",")  # an empty cell is NaN


@pytest.fixture(scope="module")
def tables():
    """The default train and test tables of each data set."""
    sizes = enumerate((1_000, 500))
    splits = list(sizes)
    return {
        name: [load(sample.table(2022, split, rows)) for split, rows in splits]
        for name, sample in SAMPLES.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_bytes_are_pinned(tmp_path, name):
    assert SAMPLES[name].main(["--output_dir", str(tmp_path)]) == 0
    for part, rows, expected in zip(("train", "test"), (1_000, 500), SHA256[name]):
        content = (tmp_path / part / f"{part}_data.txt").read_bytes()
        assert hashlib.sha256(content).hexdigest() == expected
        assert content.count(b"\n") == rows


@pytest.mark.parametrize("name", NAMES)
def test_form(tables, name):
    for table in tables[name]:
        assert table.shape[1] == WIDTHS[name]
        assert set(np.unique(table[:, : len(RATES[name])])) == {0, 1}
        ids = table[:, FIRST_IDS[name] :]
        assert (ids == np.floor(ids)).all()
        assert ids.min() >= 0
        assert (ids < SIZES[name]).all()
    # 0 is unknown, and padding of what has several values.
    single = [place for place, size in enumerate(SIZES[name]) if SIZES[name].count(size) < 3]
    assert tables[name][0][:, FIRST_IDS[name] :][:, single].min() > 0


@pytest.mark.parametrize("name", NAMES)
def test_labels_have_both_classes_in_about_the_shares_stated(tables, name):
    for table in (*tables[name], load(SAMPLES[name].table(7, 0, 3_000))):
        assert table[:, : len(RATES[name])].mean(axis=0) == pytest.approx(RATES[name], abs=0.06)


def test_conversion_is_a_long_view_of_a_click(tables):
    click, ctcvr, _, view = tables["kuairand"][0][:, :4].T
    assert (ctcvr == click * view).all()


def test_adult_labels_follow_the_stated_formula(tables):
    """Where the score is beyond the reach of the noise, the label is certain."""
    for table in tables["adult"]:
        age, _, education, gain, _, hours = table[:, 3:9].T
        _, _, occupation, relationship, _, sex, *_ = table[:, 9:].T
        least = 24 + 12 * np.isin(occupation, (5, 11)) + 8 * (sex == 2) + 4 * (age >= 30)
        assert (table[:, 2] == hours).all()
        assert set(hours - least) == set(range(9))
        couple = np.isin(relationship, (1, 6))
        income = 3 * couple + 3 * (education >= 13) + 2 * np.isin(occupation, (5, 11))
        income += 2 * (gain > 0) + (hours > 40)
        marital = 4 * couple + 3 * (age >= 33) + (relationship == 5) - 2 * (relationship == 4)
        for label, score, threshold in ((0, income, 6), (1, marital, 2)):
            assert (table[score > threshold, label] == 1).all()
            assert (table[score < threshold - 1, label] == 0).all()


def test_kuairand_labels_follow_the_stated_formula(tables):
    dense = (*kuairand.DENSE, *kuairand.HISTORY, *kuairand.RATES)
    for table in tables["kuairand"]:
        found = dict(zip(dense, table[:, len(kuairand.LABELS) :].T))
        for name, numbers in found.items():
            rate = f"rate_{name}"
            assert rate not in kuairand.RATES or (found[rate] == numbers).all()
        names = [name for name, length in kuairand.IDS.items() for _ in range(length)]
        ids = dict(zip(reversed(names), table[:, : FIRST_IDS["kuairand"] - 1 : -1].T))
        click = 3 * (found["user_click"] > 0) + 3 * (found["video_click"] > 0)
        click = click + ((ids["tag"] >= 1) & (ids["tag"] <= 15)) + (ids["tab"] == 1)
        view = 3 * (found["duration_ms"] < 60_000) + 3 * (found["video_ctcvr"] > 0)
        view = view + (ids["hour"] <= 8)
        like = 3 * (found["user_like"] > 0) + 2 * (found["video_like"] > 0)
        like = like + (ids["music_type"] == 1)
        more = {name: numbers > 0 for name, numbers in found.items()}
        enter = 3 * more["author_click"] + 2 * more["user_ctcvr"] + (ids["hour"] > 16)
        scores = [(0, click, 4), (3, view, 3), (2, like, 5), (4, enter, 5)]
        for label, first, second in (
            (5, more["user_like"], more["author_like"]),
            (6, more["author_like"], more["video_click"]),
            (7, more["video_like"], more["user_ctcvr"]),
            (8, ~more["user_click"], ~more["video_click"]),
        ):
            scores.append((label, 3 * first + 3 * second, 6))
        for label, score, threshold in scores:
            assert (table[score > threshold, label] == 1).all()
            assert (table[score < threshold - 1, label] == 0).all()
        watched, ratio = table[:, 9:11].T
        known = found["duration_ms"] > 0
        assert (np.isnan(ratio) == ~known).all()
        assert 0 < (~known).mean() < 0.05
        least = 2 + 4 * table[:, 3] + 2 * more["user_ctcvr"]
        assert set(np.round(12 * ratio - least, 4)[known]) == set(range(5))
        expected = np.where(known, np.nan_to_num(ratio) * found["duration_ms"] / 1000, watched)
        np.testing.assert_allclose(watched, expected, atol=2e-3)
        assert 1.666 <= watched[~known].min() < watched[~known].max() <= 10


@pytest.mark.parametrize("name", NAMES)
def test_logistic_regression_learns_all_tasks(tables, name):
    linear_model = pytest.importorskip("sklearn.linear_model")
    from sklearn.metrics import roc_auc_score

    tasks = LABELS[name]
    single = [place for place, size in enumerate(SIZES[name]) if size < 100]
    train, test = tables[name]

    def features(table):
        dense = table[:, tasks : FIRST_IDS[name]]
        dense = (dense - train[:, tasks : FIRST_IDS[name]].mean(axis=0)) / (
            train[:, tasks : FIRST_IDS[name]].std(axis=0) + 1e-9
        )
        ids = table[:, FIRST_IDS[name] :].astype(int)
        hot = [np.eye(SIZES[name][place])[ids[:, place]] for place in single]
        return np.hstack([dense, *hot])

    for task in range(len(RATES[name])):
        model = linear_model.LogisticRegression(max_iter=1_000, C=0.1)
        model.fit(features(train), train[:, task])
        found = model.predict_proba(features(test))[:, 1]
        assert roc_auc_score(test[:, task], found) > 0.8


@pytest.mark.parametrize("name", NAMES)
def test_seeds_and_files_differ(name):
    table = SAMPLES[name].table
    first = table(2022, 0, 30)
    assert first == table(2022, 0, 40)[: len(first)]
    lines = [set(table(*of, 30).splitlines()) for of in ((2022, 0), (2022, 1), (3, 0))]
    assert not lines[0] & lines[1]
    assert not lines[0] & lines[2]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("program", "arguments", "complaint"),
    [
        (
            "sample",
            ["--output_dir", "x", "--seed", "-1"],
            "error: argument --seed: expected an integer from 0 to",
        ),
        ("sample", ["--output_dir", __file__], "error: "),
        ("prepare", ["--raw_dri", "x"], "error: unrecognized arguments: --raw_dri x"),
        ("run.sh", ["--raw_dir", "nowhere"], "error: RAW_DIR nowhere: no file "),
    ],
)
def test_mistakes_are_one_line(tmp_path, command_env, name, program, arguments, complaint):
    command = [sys.executable, "-m", f"datasets.{name}.{program}", *arguments]
    if program == "run.sh":
        command = ["sh", str(ROOT / "datasets" / name / program), *arguments]
        command += ["--output_dir", str(tmp_path / "out")]
    done = subprocess.run(
        command,
        cwd=tmp_path if program == "run.sh" else ROOT,
        env=command_env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(complaint)
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
    assert not (ROOT / "x").exists()
