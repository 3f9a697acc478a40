"""Commands as several processes on this machine, started as a user starts them."""

from pathlib import Path

import pytest
from fleet_runs import Run
from model_copies import copy_model


@pytest.fixture
def launch(tmp_path):
    """Starts a command as several processes; see `Run`."""
    started = []

    def start(ranks, name, *arguments, slow=0.0, launcher=False):
        notes = tmp_path / f"run{len(started)}"
        started.append(Run(notes, ranks, name, arguments, slow, launcher))
        return started[-1]

    yield start
    for run in started:
        run.kill()


@pytest.fixture
def model(tmp_path):
    """Makes a copy of a model's folder with some rows of its sample."""

    def copy(name, rows, change=lambda lines: lines):
        folder = tmp_path / name
        sample_rows = copy_model(name, folder)
        for part in ("train", "test"):
            (folder / "data" / part).mkdir(parents=True)
            path = folder / "data" / part / f"{part}_data.txt"
            path.write_text("".join(change(sample_rows(part, rows))), encoding="utf-8")
        return folder / "config.yaml"

    return copy


@pytest.fixture
def alone(run_command):
    """Runs a command as one process, this one; returns what it logged."""

    def run(name, *arguments, code=0):
        done = run_command(name, *arguments)
        assert done.code == code, done.stderr
        return done.log

    return run


def pytest_collection_modifyitems(items):
    """Repeats a test whose processes could not connect or waited for each other.

    Paddle chooses their ports, and on a busy machine another program may use one meanwhile. A
    fault of this project fails three times.
    """
    repeated = pytest.mark.flaky(
        reruns=2, only_rerun=["Paddle's Fleet does not start", "TimeoutExpired"]
    )
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(repeated)
