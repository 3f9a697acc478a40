"""Every command that reads rows says where they differ from those of the training."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
import yaml

from engine.model_folder.loading import REPOSITORY

HEADER = ["click", "buy", "age", "user", "history"]


def write(folder, users, seed=0, rows=120):
    """Writes rows of some users; buying does not need a click. Every history is too long."""
    random = np.random.default_rng(seed)
    folder.mkdir()
    with open(folder / "a.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for row in range(rows):
            click, buy = row % 2, int(row % 4 == 0 or row % 8 == 1)
            age, user = random.integers(18, 80), users[row % len(users)]
            writer.writerow([click, buy, age, user, "|".join(random.choice([*"abcd"], 3))])
    return folder


@pytest.fixture
def run(tmp_path, run_command):
    """Runs a command on a model folder's copy, and returns the lines of its log about data."""
    shutil.copytree(
        REPOSITORY + "/models/multitask/esmm",
        tmp_path / "esmm",
        ignore=shutil.ignore_patterns("*.yaml"),
    )
    tasks = [
        {"name": "ctr", "label_column": 0},
        {"name": "cvr", "label_column": 1, "rows": "ctr", "weight": 0},
        {"name": "ctcvr", "label_column": 1},
    ]
    sparse = ["user", {"name": "history", "separator": "|", "max_len": 2}]
    runner = {
        "train_reader_path": "table_reader",
        "use_gpu": False,
        "train_batch_size": 64,
        "infer_batch_size": 64,
        "epochs": 1,
        "infer_start_epoch": 0,
        "infer_end_epoch": 1,
        "model_save_path": str(tmp_path / "output"),
    }
    table = {"labels": ["click", "buy"], "dense": ["age"], "sparse": sparse}
    hyper = {"table": table, "tasks": tasks, "ctr_tower_size": 4, "cvr_tower_size": 4}
    path = tmp_path / "esmm" / "own.yaml"
    path.write_text(yaml.safe_dump({"runner": runner, "hyper_parameters": hyper}))

    def start(name, *options, **folders):
        data = [f"runner.{key}={folder}" for key, folder in folders.items()]
        opt = ["-o", *data] if data else []
        done = run_command(name, "-m", path, *options, *opt)
        assert done.code == 0, done.stderr
        return [line for line in (done.stdout + done.stderr).splitlines() if " data: " in line]

    return start


def test_all_commands_compare_their_rows_with_the_trainings(run, tmp_path):
    numbers = [str(number) for number in range(20)]
    train = write(tmp_path / "train", numbers)
    good = write(tmp_path / "good", [f"{number}.0" for number in numbers])  # as pandas writes
    bad = write(tmp_path / "bad", [f"u{number}" for number in range(30)])
    unknown = "column user: 100.0% of the values are out-of-vocabulary, 0.0% in the training data"
    # Of 120 rows, 30 are a multiple of 4 and 15 are 1 modulo 8; the former have no click.
    outside = "30 of 45 rows with buy = 1 have click = 0: the task cvr leaves them out, but ctcvr"

    lines = run("trainer", train_data_dir=train, valid_data_dir=bad)
    assert [line.split("WARNING - ")[1].split(" (")[0] for line in lines] == [
        f"training data: {outside} counts them as positive",
        f"validation data: {outside} counts them as positive",
        f"validation data: {unknown}",
    ]
    kept = json.loads((tmp_path / "output" / "training_data.json").read_text())
    user, history = kept["columns"][1:]
    assert (user["ids"], user["unknown"], user["missing"]) == (20, 0, 0)
    assert (history["values"], history["cut"], history["rows"]) == (360, 120, 120)
    assert [task["positives"] for task in kept["tasks"]] == [60, 15, 45]
    run("static_trainer", train_data_dir=train)
    run("to_static")
    export = ("--model_dir", tmp_path / "output" / "0")
    for name, kind, options in (
        ("infer", "test", ()),
        ("static_infer", "test", ()),
        ("paddle_infer", "prediction", export),
    ):
        for folder, expected in ((good, []), (bad, [unknown])):
            data = {"test_data_dir": folder} if name != "paddle_infer" else {}
            more = () if data else ("--data_dir", folder)
            found = run(name, *options, *more, **data)
            assert [line.split(f"{kind} data: ")[1].split(" (")[0] for line in found] == [
                f"{outside} counts them as positive",
                *expected,
            ]
    # A second day's training starts from the first one's checkpoint.
    second = {"model_init_path": tmp_path / "output" / "0", "model_save_path": tmp_path / "second"}
    lines = run("trainer", train_data_dir=bad, **second)
    assert [line.split("WARNING - ")[1].split(" (")[0] for line in lines[1:]] == [
        f"training data: {unknown}"
    ]
