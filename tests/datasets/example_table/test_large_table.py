"""The made-up table of any size: its form, its labels, and that it can be trained on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
import pytest
import yaml

from datasets.example_table import large

ROOT = Path(__file__).resolve().parents[3]
NAMES = ["click", "buy", *(f"n{i}" for i in range(1, 14)), *(f"c{i}" for i in range(1, 27))]


def read(path):
    """A file's columns, by name; a missing number is NaN."""
    kind = pa_parquet.read_table if path.suffix == ".parquet" else pa_csv.read_csv
    table = kind(path)
    assert table.column_names == NAMES
    return {name: table[name].to_numpy() for name in NAMES}


@pytest.fixture
def made(tmp_path):
    def make(*arguments):
        assert large.main(["--output_dir", str(tmp_path), *map(str, arguments)]) == 0
        form = "csv" if "csv" in arguments else "parquet"
        return [read(tmp_path / part / f"rows.{form}") for part in ("train", "test")]

    return make


def test_both_formats_hold_the_same_rows(made):
    for binary, text in zip(
        made("--rows", 70_000, "--test_rows", 300),
        made("--rows", 70_000, "--test_rows", 300, "--format", "csv"),
    ):
        for name in NAMES:
            np.testing.assert_array_equal(binary[name], text[name])
    assert len(binary["click"]) == 300


def test_fewer_rows_are_the_beginning_and_a_seed_is_a_table(made):
    long = made("--rows", large.BLOCK + 10, "--test_rows", 50)
    short = made("--rows", 40, "--test_rows", 50)
    other = made("--rows", 40, "--test_rows", 50, "--seed", 7)
    for name in NAMES:
        np.testing.assert_array_equal(long[0][name][:40], short[0][name])
        np.testing.assert_array_equal(long[1][name], short[1][name])
    assert (short[0]["c20"] != other[0]["c20"]).any()
    assert (short[0]["c20"] != short[1]["c20"][:40]).any()


def test_columns_are_what_the_text_says(made):
    (rows, _) = made("--rows", 130_000, "--test_rows", 1)
    for number, size in enumerate(large.VALUES, 1):
        column = rows[f"c{number}"]
        assert (column.min(), column.max() < size) == (0, True)
        if size <= 100:
            counts = np.bincount(column, minlength=size)
            assert (counts > 0).all()
            # The continuous law's share of the first value, from its distribution.
            share = (1 - 2**-0.05) / (1 - (size + 1) ** -0.05)
            assert counts[0] / len(column) == pytest.approx(share, abs=0.01)
    for number in range(1, 14):
        column = rows[f"n{number}"]
        assert np.isnan(column).mean() == pytest.approx(0.1, abs=0.01)
        assert np.nanmin(column) == 0
        assert np.nanmax(column) > 50
    click, buy = rows["click"], rows["buy"]
    assert set(click) == set(buy) == {0, 1}
    assert not buy[click == 0].any()
    assert 0.2 < click.mean() < 0.5
    assert 0.2 < buy[click == 1].mean() < 0.5


def test_the_yaml_of_the_docs_names_these_columns():
    text = (ROOT / "models" / "multitask" / "mmoe" / "config_large.yaml").read_text()
    table = yaml.safe_load(text)["hyper_parameters"]["table"]
    sparse = [entry if isinstance(entry, str) else entry["name"] for entry in table["sparse"]]
    assert [*table["labels"], *table["dense"], *sparse] == NAMES
    hashed = [not isinstance(entry, str) for entry in table["sparse"]]
    assert hashed == [size > 10_000 for size in large.VALUES]


@pytest.mark.parametrize("form", large.FORMATS)
def test_it_is_trained_on_and_learned_from(run_command, tmp_path, made, form):
    made("--rows", 20_000, "--test_rows", 5_000, "--format", form)
    yaml_path = ROOT / "models" / "multitask" / "mmoe" / "config_large.yaml"
    options = [
        f"runner.train_data_dir={tmp_path / 'train'}",
        f"runner.test_data_dir={tmp_path / 'test'}",
        f"runner.model_save_path={tmp_path / 'output'}",
        f"runner.infer_load_path={tmp_path / 'output'}",
        "runner.train_batch_size=256",
        "hyper_parameters.optimizer.learning_rate=0.01",
    ]
    for command in ("trainer", "infer"):
        done = run_command(command, "-m", yaml_path, "-o", *options)
        assert done.code == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    found = [float(part.split(": ")[1]) for part in last.split(", ") if part.startswith("auc")]
    assert len(found) == 2
    assert min(found) > 0.6, last


def test_a_full_disk_leaves_nothing(tmp_path):
    code = (
        "import resource, sys; from datasets.example_table import large\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "sys.exit(large.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--output_dir", tmp_path, "--rows", "70000"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("option", ["--rows", "--seed"])
def test_options_out_of_range(capsys, option):
    with pytest.raises(SystemExit) as caught:
        large.main([option, "-1"])
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("error: argument ")


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
@pytest.mark.parametrize("form", large.FORMATS)
def test_memory_does_not_grow_with_the_rows(tmp_path, form):
    code = (
        "import resource, sys; from pathlib import Path; from datasets.example_table import large\n"
        "def peak(blocks):\n"
        "    large.write(Path(sys.argv[1]), 1, (blocks * large.BLOCK, 1), sys.argv[2])\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(-peak(2) + peak(5))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path, form],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    grown = int(done.stdout.splitlines()[-1]) * 1024
    assert grown < 3 * large.BLOCK * 41 * 4 / 2  # half of what the other blocks' numbers take
