"""Training day after day: evaluated before trained, nothing twice, in both graphs."""

import csv
import json
import shutil

import numpy as np
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from engine.checkpoints import formats
from engine.model_folder import loading

TABLE = {"labels": ["click", "like"], "dense": ["age"], "sparse": ["user"]}
DAYS = ("2022-04-01", "2022-04-02", "2022-04-03")


@pytest.fixture
def days(tmp_path):
    """Writes days of 80 rows; each has ten new users."""
    folder = tmp_path / "days"
    folder.mkdir()
    rng = np.random.default_rng(5)
    for number, day in enumerate(DAYS):
        users = rng.integers(10 * number, 10 * number + 20, 80)
        users[:20] = 10 * number + np.arange(20)  # each of them at least once
        rows = [[int(u % 3 == 0), int(u % 2), 20 + u, f"u{u}"] for u in users]
        with open(folder / f"{day}.csv", "w", newline="") as file:
            csv.writer(file).writerows([["click", "like", "age", "user"], *rows])
    return folder


@pytest.fixture
def daily(run_command, tmp_path, days):
    """Runs daily.py, or another command, on the days."""
    content = {
        "config_abs_dir": f"{loading.REPOSITORY}/models/multitask/mmoe",
        "runner": {
            "train_data_dir": str(days),
            "train_reader_path": "table_reader",
            "use_gpu": False,
            "train_batch_size": 20,
            "infer_batch_size": 50,
            "epochs": 2,
            "model_save_path": str(tmp_path / "output"),
            "metrics": ["auc"],
        },
        "hyper_parameters": {
            "table": TABLE,
            "gate_num": 2,
            "expert_num": 2,
            "expert_size": 4,
            "tower_size": 3,
            "embedding_size": 3,
            "optimizer": {"class": "adam", "learning_rate": 0.02},
        },
    }
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(content))

    def run(*options, command="daily", config=path, arguments=()):
        return run_command(
            command, "-m", config, *arguments, *(["-o", *options] if options else [])
        )

    return run


def measured(root):
    with open(root / "daily.csv", newline="") as file:
        return list(csv.DictReader(file))


def parameters(root, day, prefix="rec", part="pdparams"):
    return formats.read(str(root / day / "1" / f"{prefix}.{part}"))


def test_each_day_is_evaluated_before_it_is_trained(daily, days, tmp_path):
    root = tmp_path / "output"
    done = daily()
    assert done.code == 0, done.log
    table = measured(root)
    assert [(row["day"], row["rows"], row["new_ids"]) for row in table] == [
        (DAYS[0], "80", "20"),
        (DAYS[1], "80", "10"),
        (DAYS[2], "80", "10"),
    ]
    assert table[0]["auc_click"] == ""
    # The model of the first day, with the second day's rows, by scikit-learn.
    second = days / f"{DAYS[1]}.csv"
    scores = tmp_path / "scores.csv"
    options = [f"runner.test_data_dir={second}", f"runner.save_predictions={scores}"]
    options += ["runner.infer_start_epoch=1", "runner.infer_end_epoch=2"]
    assert daily(*options, command="infer", config=root / DAYS[0] / "config.yaml").code == 0
    columns = {}
    for path in (second, scores):
        with open(path, newline="") as file:
            columns[path] = list(csv.DictReader(file))
    for task in ("click", "like"):
        truth, predicted = (
            [float(row[task]) for row in columns[path]] for path in (second, scores)
        )
        assert float(table[1][f"auc_{task}"]) == pytest.approx(roc_auc_score(truth, predicted))
        line = f"day {DAYS[1]}: 80 rows, 10 new ids, auc_click: {float(table[1]['auc_click']):.6f}"
        assert line in done.log
    # Two epochs of four steps a day: Adam's power of beta1 counts all steps of all days.
    state = parameters(root, DAYS[2], part="pdopt")
    assert state["linear_0.w_0_beta1_pow_acc_0"] == pytest.approx(0.9**25, rel=1e-4)


@pytest.mark.parametrize("graph", ["dygraph", "static"])
def test_an_interrupted_run_and_a_new_day_continue(daily, days, tmp_path, signal_at, graph):
    static, prefix = (["--static"], "rec_static") if graph == "static" else ([], "rec")
    whole, root = tmp_path / "whole", tmp_path / "output"
    assert daily(f"runner.model_save_path={whole}", arguments=static).code == 0
    kept = tmp_path / DAYS[2]
    shutil.move(days / f"{DAYS[2]}.csv", kept)
    with signal_at(14):  # in the second day
        done = daily(arguments=static)
    assert done.code == 143
    last = "interrupted: 1 of 2 days are trained; to continue, run the same command again"
    assert done.log.splitlines()[-1].endswith(last)
    assert daily(arguments=static).code == 0
    before = (root / DAYS[0] / "1" / f"{prefix}.json").read_text()
    shutil.move(kept, days / f"{DAYS[2]}.csv")
    done = daily(arguments=static)
    assert f"continuing after {DAYS[1]}" in done.log
    assert (root / DAYS[0] / "1" / f"{prefix}.json").read_text() == before
    for name, value in parameters(whole, DAYS[2], prefix).items():
        np.testing.assert_array_equal(parameters(root, DAYS[2], prefix)[name], value)
    for one, other in zip(measured(whole), measured(root)):
        assert {**one, "seconds": ""} == {**other, "seconds": ""}
    (days / f"{DAYS[0]}.csv").write_text((days / f"{DAYS[1]}.csv").read_text())
    done = daily(arguments=static)
    assert done.code == 2
    assert f"day {DAYS[0]} was trained, and its data have changed" in done.log
    (root / "daily.json").write_text(json.dumps({"days": [{"day": 1}], "test": None}))
    assert "daily.json is damaged: day: expected a text" in daily(arguments=static).log


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            ["runner.train_data_dir=../days/2022-04-01.csv"],
            "expected a folder with a file or a folder",
        ),
        (["runner.train_data_dir=nowhere"], "there is no folder or file"),
        (["runner.save_metrics=a.json"], "every day would write it"),
        (["runner.use_fleet=True"], "daily.py trains in one process"),
    ],
)
def test_errors_are_one_line(daily, tmp_path, options, problem):
    done = daily(*options)
    assert done.code == 2
    assert problem in done.log.splitlines()[-1]
    assert not (tmp_path / "output").exists()
