"""benchmarks/scaling.py: its calculation, checked by hand, and a run."""

import argparse
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine.model_folder import loading

PATH = Path(loading.REPOSITORY) / "benchmarks" / "scaling.py"


@pytest.fixture
def scaling():
    spec = importlib.util.spec_from_file_location("scaling", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_calculation(scaling):
    given = argparse.Namespace(bandwidth=8.0, latency=100.0, row=0.5)  # 10^9 bytes a second
    dense = {"busy": 0.01, "dense_bytes": 4_000_000, "sparse_bytes": 0, "sparse_rows": 0}
    assert scaling.calculated(dense, 0.002, 1, given) == 0.01
    # 2 * 7/8 * 4 ms on the wire, and 2 * 3 messages one after the other
    expected = 0.01 + 0.002 + 0.007 + 0.0006
    assert scaling.calculated(dense, 0.002, 8, given) == pytest.approx(expected)
    both = {**dense, "sparse_bytes": 1_000_000, "sparse_rows": 1000}
    expected += 7 * 0.001 + 0.0003 + 7 * 1000 * 0.5e-6
    assert scaling.calculated(both, 0.002, 8, given) == pytest.approx(expected)


def test_it_measures_time_and_counts_exchanged_bytes(model, tmp_path):
    yaml = model("esmm", 201)
    command = [sys.executable, str(PATH), "-m", str(yaml), "--batch_size", "8", "--steps", "3"]
    done = subprocess.run(
        [*command, "--repeats", "1", "--workers", "8"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"([\d,]+) bytes dense, ([\d,]+) sparse \(([\d,]+) rows\)", done.stdout)
    dense, sparse, rows = (int(text.replace(",", "")) for text in found.groups())
    # Two towers of 23 fields of 8 numbers, [32, 16] and a log-odds; a table's row and its number.
    tower = 23 * 8 * 32 + 32 + 32 * 16 + 16 + 16 + 1
    assert dense == 4 * 2 * tower
    assert 0 < rows <= 8 * 37
    assert sparse == rows * (8 + 2) * 4
    assert re.search(r"1 process: [\d,]+ rows/s.*\n.*2 processes: [\d,]+ rows/s", done.stdout)
    assert " 8 workers: " in done.stdout
    assert not (yaml.parent / "output_model_esmm").exists()
