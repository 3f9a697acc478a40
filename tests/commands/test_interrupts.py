"""Ctrl-C and SIGTERM save inside an epoch; the resumed run ends like an uninterrupted one."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from engine.checkpoints import formats
from engine.model_folder import loading

DROPOUT = "hyper_parameters.dropout=0.1"


@pytest.fixture
def train(model, tmp_path):
    """Trains four epochs of ten batches, with or without a signal inside an epoch."""

    def run(name, output, number=None, after=""):
        settings = [f"runner.model_save_path={tmp_path / output}", "runner.epochs=4", DROPOUT]
        settings += ["runner.print_interval=1", "runner.resume=True"]
        process = subprocess.Popen(
            slow(name, 0.02, model, *settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines = []
        with process:
            for line in process.stdout:
                lines.append(line.rstrip())
                if number and after in line:
                    process.send_signal(number)
                    number = None
        return process.returncode, lines

    return run


SLOW = """
import runpy, sys, time
path = {path!r}
sys.path.insert(0, path.rsplit("/", 1)[0])
from engine.system import interrupts
check = interrupts.check
def slow():
    time.sleep({seconds})
    check()
interrupts.check = slow
sys.argv[0] = path
runpy.run_path(path, run_name="__main__")
"""


def slow(name, seconds, model, *settings):
    """Returns a command with slow steps, so that a signal arrives in the intended one."""
    code = SLOW.format(
        path=os.path.join(loading.REPOSITORY, "tools", f"{name}.py"), seconds=seconds
    )
    return [sys.executable, "-c", code, "-m", str(model / "config.yaml"), "-o", *settings]


def parameters(folder, prefix):
    found = {}
    for part in ("pdparams", "pdopt"):
        content = formats.read(os.path.join(folder, f"{prefix}.{part}"))
        found.update({f"{part}.{name}": value for name, value in content.items()})
    return found


def numbers(line):
    """A log line without its times."""
    return line.split(" - ")[-1].split(", avg_reader_cost")[0].split(", epoch time")[0]


@pytest.mark.parametrize(
    ("name", "prefix", "numbers_of"),
    [
        ("trainer", "rec", (signal.SIGINT, signal.SIGTERM)),
        ("static_trainer", "rec_static", (signal.SIGTERM, signal.SIGINT)),
    ],
)
def test_a_resumed_run_continues_inside_the_epoch(train, tmp_path, name, prefix, numbers_of):
    code, uninterrupted = train(name, "reference")
    assert code == 0, uninterrupted
    lines = []
    places = ["epoch: 1, batch_id: 4,", "epoch: 3, batch_id: 0,"]
    for number, place in zip(numbers_of, places):
        code, part = train(name, "parts", number, place)
        assert code == 128 + number, part
        folder = tmp_path / "parts" / "interrupted"
        with open(folder / f"{prefix}.json", encoding="utf-8") as file:
            facts = json.load(file)
        assert place.startswith(f"epoch: {facts['epoch']},")
        assert part[-1] == (
            f"error: interrupted in epoch {facts['epoch']}, {facts['batches']} batches done; "
            f"saved {folder}; runner.resume=True continues there"
        )
        assert not any("Traceback" in line or "FatalError" in line for line in part)
        assert not (tmp_path / "parts" / str(facts["epoch"])).exists()
        lines += part
    code, part = train(name, "parts")
    assert code == 0, part
    lines += part
    assert sorted(os.listdir(tmp_path / "parts")) == sorted(os.listdir(tmp_path / "reference"))

    reference, parts = (
        parameters(tmp_path / kind / "3", prefix) for kind in ("reference", "parts")
    )
    assert reference.keys() == parts.keys()
    for key, value in reference.items():
        np.testing.assert_array_equal(value, parts[key], err_msg=key)
    # Log lines too: no batch is missing or repeated, and metrics count the complete epoch.
    logged = [
        [numbers(line) for line in log if " - epoch: " in line] for log in (uninterrupted, lines)
    ]
    assert logged[0] == logged[1]


def test_a_second_ctrl_c_ends_at_once(model, tmp_path):
    """The first one waits for the end of a step, which takes a minute here."""
    output = tmp_path / "out"
    process = subprocess.Popen(
        slow("trainer", 60, model, f"runner.model_save_path={output}"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        for line in process.stderr:
            if "epoch: 0, batch_id: 0" in line:
                break
        process.send_signal(signal.SIGINT)
        for line in process.stderr:
            if "a second signal ends the command immediately" in line:
                break
        time.sleep(0.6)  # a signal that comes sooner is ignored: `timeout` sends two
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert (
            process.stderr.read().splitlines()[-1] == "error: ended immediately by a second signal"
        )
        assert process.wait() == 130
    assert time.monotonic() - began < 10
    assert not [name for name in os.listdir(output) if name != ".lock"]


def test_an_ignored_signal_stays_ignored(model, tmp_path):
    """`nohup` and background jobs of a script ignore Ctrl-C."""
    command = [sys.executable, os.path.join(loading.REPOSITORY, "tools", "trainer.py")]
    arguments = ["-m", str(model / "config.yaml"), "-o", f"runner.model_save_path={tmp_path}/out"]
    process = subprocess.Popen(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        for line in process.stderr:
            if "epoch: 0, batch_id: 0" in line:
                process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    assert os.listdir(tmp_path / "out" / "2")


CHANGES = {
    "runner.train_batch_size=5": "runner.train_batch_size = 5: the epoch to continue has",
    "runner.shuffle=False": "runner.shuffle = False: the epoch to continue has shuffle = True",
    "runner.seed=7": "runner.seed = 7: the run to resume has seed 12345",
    "data": "the training data have changed: the epoch to continue has 20 rows, found 18",
}


def test_a_change_of_the_batches_is_refused(train, model, tmp_path, run_command):
    code, _ = train("trainer", "out", signal.SIGTERM, "epoch: 1, batch_id: 2,")
    assert code == 143
    output = ["-o", f"runner.model_save_path={tmp_path / 'out'}", "runner.resume=True", DROPOUT]
    for change, problem in CHANGES.items():
        if change == "data":  # the last one: the others need the old rows
            path = model / "data" / "train" / "train_data.txt"
            path.write_text("".join(path.read_text().splitlines(keepends=True)[:18]))
        changed = [] if change == "data" else [change]
        done = run_command("trainer", "-m", model / "config.yaml", *output, *changed)
        assert done.code == 2, change
        assert problem in done.stderr.splitlines()[-1]
        names = {"0", "config.yaml", "interrupted", "training_data.json"}
        assert set(os.listdir(tmp_path / "out")) == names
