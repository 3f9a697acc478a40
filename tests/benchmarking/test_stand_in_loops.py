"""The programs in benchmarks/, run as commands on samples."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "datasets" / "census" / "sample_data" / "train"  # 400 rows


def run(name, *arguments):
    command = [sys.executable, str(ROOT / "benchmarks" / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def last_object(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_stand_in_for_paddlerec():
    done = run(
        "paddlerec_loop.py", "--data", SAMPLE, "--batch_size", 4, "--epochs", 2, "--max_rows", 300
    )
    found = last_object(done)
    assert found["rows"] == 600
    assert found["rows_per_second"] > 0
    assert all(0 < auc < 1 for auc in found["auc"].values())
    lines = [line for line in done.stderr.splitlines() if "epoch: " in line]
    assert len(lines) == 2  # batch 0 of each epoch
    assert "auc_income:" in lines[1]


@pytest.mark.parametrize("variant", ["plain", "fused"])
def test_plain_pytorch(variant, tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "rows.txt").write_bytes((SAMPLE / "train_data.txt").read_bytes())
    arguments = ["--data", tmp_path, "--batch_size", 6, "--epochs", 30, "--variant", variant]
    found = last_object(run("torch_loop.py", *arguments))
    assert found["rows"] == 12_000
    assert found["rows_per_second"] > 0
    assert found["last_loss"] < 0.5  # chance is 2 log 2


def test_too_few_batches_are_one_line():
    done = run("paddlerec_loop.py", "--data", SAMPLE, "--batch_size", "10")
    assert done.returncode == 2
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last == "error: expected more than 50 batches, found 40"


def test_bad_options_are_one_line(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    steady = importlib.import_module("steady")
    with pytest.raises(SystemExit) as caught:
        steady.parser("").parse_args(["--data", "x", "--batch_size", "0"])
    assert caught.value.code == 2
    assert "expected an integer of at least 1, found '0'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        steady.report(lambda: steady.files_of("nowhere"))
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "nowhere" in line


def test_many_rows_follow_their_formula(tmp_path):
    options = ["--train_rows", 300_000, "--test_rows", 10, "--features", 6]
    for folder in ("once", "again"):
        done = run("make_rows.py", "--output_dir", tmp_path / folder, *options)
        assert done.returncode == 0, done.stderr
    paths = [tmp_path / folder / "train" / "train_data.txt" for folder in ("once", "again")]
    text = paths[0].read_bytes()
    assert text == paths[1].read_bytes()
    assert len(text) == 300_000 * 16
    table = np.frombuffer(text, np.uint8).reshape(-1, 16)[:, ::2].astype(int) - ord("0")
    assert np.bincount(table[:, 2:].ravel()).min() > 170_000  # of 180,000 of each digit
    for label, columns, middle in ((0, [2, 3, 4], 14), (1, [3, 5, 6], 20)):
        total = table[:, columns].sum(axis=1)
        assert (table[total >= middle + 9, label] == 1).all()
        assert (table[total < middle - 9, label] == 0).all()
        assert 0 < table[total == middle, label].mean() < 1
    assert len(np.unique(table[:, 2:], axis=0)) > 250_000 * 0.9  # blocks differ


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "train").write_text("in the way", encoding="utf-8")
    done = run("make_rows.py", "--output_dir", tmp_path, "--train_rows", 10)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


def test_image_experts_print_two_speeds():
    done = run("image_experts.py", "--batch_size", 4, "--rounds", 1)
    assert done.returncode == 0, done.stderr
    lines = [line.partition(": ") for line in done.stdout.splitlines()]
    assert [name for name, *_ in lines] == ["experts together", "8 separate experts"]
    assert all(float(speed.split()[0]) > 0 for *_, speed in lines)


def test_the_forms_of_a_step_train_the_same_parameters():
    yaml = f"{ROOT}/models/multitask/mmoe/config.yaml"
    small = ("--batch_sizes", 4, "--rounds", 1, "--steps", 3)
    done = run("fast_step.py", "-m", yaml, *small)
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()[2:]]
    assert [row[:3] for row in rows] == [
        ["mmoe", "4", form] for form in ("fast step", "autograd", "to_static")
    ]
    # The fast step sums gradients by other kernels, so the last bits may differ.
    assert all(float(row[5]) < 1e-6 for row in rows)
