"""Ali-CCP's sample, and what run.sh makes of PaddleRec's files."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
from collections import defaultdict

import numpy as np
import pytest
from raw_table import ROOT

from datasets.ali_ccp import prepare, sample
from datasets.ali_ccp.columns import FIELDS
from datasets.preparing.command import DataError

# Of the bytes that seed 2022 gives; the same on numpy 1.26 and 2.x.
SHA256 = {
    "train": "9d29faa8e7b1abca949ff8c6cadd599745899e89f6334206a5c1665c17cffc61",
    "test": "f29701e63016f9a832348ba844c8438b90d344a7996f85eef856777f1e4e2a9f",
}
TRAIN, TEST = prepare.FILES
NAMES = [raw.name for raw in prepare.FILES.values()]
CONTENT = {
    NAMES[0]: b"1,0,0,101:5,109_14:6,109_14:7\r\n\r\n2,1,1,101:8",
    NAMES[1]: b"3,1,0,101:737946\n",
}


# The sample


def parsed(text):
    rows = []
    for line in text.splitlines():
        _, click, buy, *cells = line.split(",")
        features = defaultdict(list)
        for cell in cells:
            field, feature = cell.split(":")
            features[field].append(int(feature))
        rows.append((int(click), int(buy), features))
    return rows


@pytest.fixture(scope="module")
def samples():
    """The default train and test rows."""
    return [parsed(sample.table(2022, split, rows)) for split, rows in enumerate((2_000, 1_000))]


def test_bytes_are_pinned_and_those_that_ship(tmp_path):
    assert sample.main(["--output_dir", str(tmp_path)]) == 0
    for name, expected in SHA256.items():
        content = (tmp_path / name / f"{name}_data.txt").read_bytes()
        assert hashlib.sha256(content).hexdigest() == expected
        shipped = ROOT / "datasets" / "ali_ccp" / "sample_data" / name / f"{name}_data.txt"
        assert shipped.read_bytes() == content


def test_form(samples):
    for rows in samples:
        assert {field for _, _, features in rows for field in features} == set(FIELDS)
        most = {field: max(len(features[field]) for *_, features in rows) for field in FIELDS}
        several = {field for field, count in most.items() if count > 1}
        assert several == {"109_14", "110_14", "127_14", "150_14", "210", "853"}
        assert max(most.values()) == 3
        found = [
            (f, field) for *_, row in rows for field, features in row.items() for f in features
        ]
        assert all(0 < feature < sample.VOCABULARY for feature, _ in found)
        fields_of = defaultdict(set)
        for feature, field in found:
            fields_of[feature].add(field)
        assert all(len(fields) == 1 for fields in fields_of.values())


def test_labels_have_about_the_shares_stated(samples):
    for rows in (*samples, parsed(sample.table(7, 0, 3_000))):
        click, buy = np.array([row[:2] for row in rows]).T
        assert click.mean() == pytest.approx(0.29, abs=0.03)
        assert buy[click == 1].mean() == pytest.approx(0.38, abs=0.06)
        assert 0 < buy[click == 0].mean() < 0.03


def test_labels_follow_the_stated_formula(samples):
    """Where the score is beyond the reach of the noise, the label is certain."""

    def first_half(features, field):
        start, size = sample.FIRST[field], sample.SIZE[field]
        return any(feature - start < size // 2 for feature in features[field])

    for clicked, bought, row in samples[0] + samples[1]:
        click = 3 * (row["301"] == [sample.FIRST["301"]]) + 2 * first_half(row, "206")
        click += 3 * ((row["121"][0] - sample.FIRST["121"]) % 2 == 0)
        conversion = 3 * first_half(row, "122") + 3 * first_half(row, "216")
        conversion += 2 * first_half(row, "210")
        assert clicked == (click >= 6) or abs(click - 5.5) < 1
        assert not clicked or bought == (conversion >= 5) or abs(conversion - 4.5) < 1


def test_logistic_regression_learns_both_tasks(samples):
    linear_model = pytest.importorskip("sklearn.linear_model")
    from sklearn.metrics import roc_auc_score

    inputs, labels = [], []
    for rows in samples:
        matrix = np.zeros((len(rows), sample.VOCABULARY), np.float32)
        for line, (_, _, features) in zip(matrix, rows):
            line[[feature for found in features.values() for feature in found]] = 1
        inputs.append(matrix)
        labels.append(np.array([(click, click and buy) for click, buy, _ in rows]))
    for task in range(2):
        model = linear_model.LogisticRegression(C=0.1, max_iter=300).fit(
            inputs[0], labels[0][:, task]
        )
        assert roc_auc_score(labels[1][:, task], model.predict_proba(inputs[1])[:, 1]) > 0.8


def test_a_mistake_is_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "datasets.ali_ccp.sample", "--output_dir", __file__],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("error: ")


# What run.sh makes


@pytest.fixture(autouse=True)
def downloads(tmp_path, monkeypatch):
    """No test writes beside run.sh, or takes the environment of whoever runs it."""
    monkeypatch.setattr(prepare, "HERE", tmp_path / "here")
    monkeypatch.delenv(prepare.VARIABLE, raising=False)
    return tmp_path / "here" / "raw"


@pytest.fixture
def raw_dir(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def site(server, monkeypatch):
    server.files = {f"/folder/{name}": content for name, content in CONTENT.items()}
    monkeypatch.setenv(prepare.VARIABLE, f"{server.url}/folder")
    return server


def test_lines_of_the_raw_files_without_blank_ones(raw_dir, tmp_path, capsys):
    prepare.prepare(tmp_path / "out", raw_dir)
    train = (tmp_path / "out" / TRAIN).read_bytes()
    assert train == b"1,0,0,101:5,109_14:6,109_14:7\n2,1,1,101:8\n"
    assert (tmp_path / "out" / TEST).read_bytes() == CONTENT[NAMES[1]]
    assert {path.name: path.read_bytes() for path in raw_dir.iterdir()} == CONTENT
    shown = capsys.readouterr().out
    assert f"{TRAIN}: 2 lines, sha256 {hashlib.sha256(train).hexdigest()}" in shown
    assert "clicked 50.000 %, clicked and bought 50.000 %" in shown
    assert "field 109_14: 1.00 features a line, at most 2" in shown
    assert "fields in no line: 110_14, 127_14" in shown
    assert "largest id 8\n" in shown
    assert "largest id 737946: above 737945, see README.md" in shown


def test_it_is_prepared_once_until_the_files_change(raw_dir, tmp_path, capsys):
    for expected in ("prepared in ", "already prepared", "prepared in "):
        prepare.prepare(tmp_path / "out", raw_dir)
        assert expected in capsys.readouterr().out
        if expected == "already prepared":
            (raw_dir / NAMES[1]).unlink()
            (raw_dir / f"{NAMES[1]}.gz").write_bytes(gzip.compress(b"4,0,0,101:1\n"))
    assert (tmp_path / "out" / TEST).read_bytes() == b"4,0,0,101:1\n"


@pytest.mark.parametrize("ending", ["", "/", "/{name}"])
def test_download(site, monkeypatch, tmp_path, downloads, ending):
    monkeypatch.setenv(prepare.VARIABLE, f"{site.url}/folder{ending}")
    for _ in range(2):
        prepare.prepare(tmp_path / "out")
    assert [path for path, _ in site.requests] == [f"/folder/{name}" for name in NAMES]
    assert len(list(downloads.rglob("*.csv"))) == 2
    manifest = json.loads((tmp_path / "out" / ".prepared" / "manifest.json").read_text())
    assert manifest["raw"] == {name: [f"{site.url}/folder/{name}"] for name in NAMES}


def test_a_download_from_elsewhere_is_another_one(site, monkeypatch, tmp_path):
    prepare.prepare(tmp_path / "out")
    site.files |= {f"/other/{name}": b"9,1,1,101:1\n" for name in NAMES}
    monkeypatch.setenv(prepare.VARIABLE, f"{site.url}/other")
    prepare.prepare(tmp_path / "out")
    assert (tmp_path / "out" / TRAIN).read_bytes() == b"9,1,1,101:1\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<html>moved</html>\n", ":1: expected id,click,buy,field:feature,..., found '<html>m"),
        (b"1,0,0,101:5\n1,0\n", ":2: expected id,click,buy,field:feature,..., found '1,0'"),
        (b"1,0,0,102:5\n", "no line has a field of Ali-CCP, such as 101"),
        (b"\n", "the file holds no rows"),
    ],
)
def test_wrong_content_is_refused_and_fetched_again(site, tmp_path, downloads, content, problem):
    prepare.prepare(tmp_path / "out")
    before = (tmp_path / "out" / TEST).read_bytes()
    shutil.rmtree(downloads)
    site.files[f"/folder/{NAMES[1]}"] = content
    with pytest.raises(DataError) as caught:
        prepare.prepare(tmp_path / "out", force=True)
    assert NAMES[1] in str(caught.value)
    assert problem in str(caught.value)
    assert (tmp_path / "out" / TEST).read_bytes() == before
    site.files[f"/folder/{NAMES[1]}"] = CONTENT[NAMES[1]]
    prepare.prepare(tmp_path / "out", force=True)


def test_a_wrong_file_of_the_persons_own_stays(raw_dir, tmp_path):
    (raw_dir / NAMES[0]).write_bytes(b"1,0,0,101\n")
    with pytest.raises(DataError, match="expected field:feature, found '101'"):
        prepare.prepare(tmp_path / "out", raw_dir)
    assert (raw_dir / NAMES[0]).exists()


def test_run_sh(raw_dir, tmp_path, command_env):
    (raw_dir / NAMES[0]).rename(raw_dir / "away")
    command = ["sh", str(ROOT / "datasets" / "ali-ccp" / "run.sh"), "--output_dir", "out"]
    env = {**command_env, "RAW_DIR": "mine"}
    for code, shown in ((2, f"error: RAW_DIR mine: no file {NAMES[0]} or"), (0, "prepared in ")):
        done = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == code
        assert (done.stderr if code else done.stdout).startswith(shown)
        if code:
            (raw_dir / "away").rename(raw_dir / NAMES[0])
    assert (tmp_path / "out" / TEST).read_bytes() == CONTENT[NAMES[1]]
