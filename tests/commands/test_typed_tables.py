"""A table of 60 rows with tasks of every type, missing labels, weights and classes by name."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from engine.model_folder import loading

FOLDER = Path(loading.REPOSITORY) / "models" / "multitask" / "mmoe"
HEADER = ["click", "like", "seconds", "stars", "shares", "age", "city", "weight"]
MOODS = ["bad", "fair", "good"]
TASKS = [
    {"name": "click", "label_column": 0},
    {"name": "like", "label_column": 1, "positive": True, "positive_weight": 3, "rows": "click"},
    {
        "name": "watch",
        "label_column": 2,
        "type": "regression",
        "loss": "huber",
        "transform": ["log1p", "standardize"],
        "missing_label": -1,
    },
    {"name": "mood", "label_column": 3, "type": "multiclass", "classes": "learned"},
    {"name": "shares", "label_column": 4, "type": "count", "sample_weight": "weight"},
]


def rows(count, seed):
    """Rows whose labels follow from the age and the city; a fifth of the labels is missing."""
    draw = np.random.default_rng(seed)
    for _ in range(count):
        age, city = int(draw.integers(18, 70)), draw.choice(["Rome", "Oslo"])
        good = age / 70 + 0.3 * (city == "Rome")
        cells = [
            int(good > 0.7),
            "yes" if good > 0.9 else "no",
            round(100 * good, 1),
            MOODS[min(int(3 * good), 2)],
            int(draw.poisson(3 * good)),
        ]
        empty = draw.random(5) < 0.2
        cells = ["" if gone else cell for cell, gone in zip(cells, empty)]
        if empty[2] and empty[3]:
            cells[2] = -1
        yield [*cells, age, city, round(draw.random(), 3)]


def write(path, table, columns=HEADER):
    columns = [HEADER.index(name) for name in columns]
    with open(path, "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([row[place] for place in columns] for row in [HEADER, *table])


@pytest.fixture
def config(tmp_path):
    for name, count, seed in (("train", 60, 0), ("test", 60, 1)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "rows.csv", rows(count, seed))
    content = {
        "runner": {
            "train_data_dir": str(tmp_path / "train"),
            "test_data_dir": str(tmp_path / "test"),
            "train_reader_path": "table_reader",
            "use_gpu": False,
            "train_batch_size": 16,
            "infer_batch_size": 60,  # so that a file is a batch
            "epochs": 8,
            "infer_start_epoch": 7,
            "infer_end_epoch": 8,
            "print_interval": 1_000,
            "model_save_path": str(tmp_path / "output"),
            "metrics": ["auc", "logloss"],
            "save_predictions": str(tmp_path / "predictions.csv"),
        },
        "hyper_parameters": {
            "table": {
                "labels": HEADER[:5],
                "dense": ["age"],
                "sparse": ["city"],
            },
            "tasks": TASKS,
            "gate_num": 5,
            "optimizer": {"class": "adam", "learning_rate": 0.02},
        },
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"config_abs_dir": str(FOLDER), **content}))
    return path


def printed(stdout):
    """The metrics in the last epoch's line."""
    return {name: float(value) for name, value in re.findall(r"(\w+_\w+): ([0-9.]+)", stdout)}


def predictions(path):
    with open(path, newline="") as stream:
        lines = list(csv.DictReader(stream))
    return {name: np.array([float(line[name]) for line in lines]) for name in lines[0]}


def expected_metrics(found, table):
    """Metrics of rows that count, from the cells of the file and the predictions, with NumPy."""
    columns = dict(zip(HEADER, zip(*table)))
    click = np.array([np.nan if cell == "" else float(cell) for cell in columns["click"]])
    like = np.array([{"yes": 1, "no": 0, "": np.nan}[cell] for cell in columns["like"]])
    like[click != 1] = np.nan
    seconds = np.array([np.nan if cell in ("", -1) else cell for cell in columns["seconds"]])
    shares = np.array([np.nan if cell == "" else cell for cell in columns["shares"]], float)
    mood = np.array([MOODS.index(cell) if cell else -1 for cell in columns["stars"]])
    chosen = np.stack([found[f"mood_{name}"] for name in MOODS]).argmax(0)
    return {
        "auc_click": auc(click, found["click"]),
        "auc_like": auc(like, found["like"]),
        "mae_watch": np.nanmean(np.abs(found["watch"] - seconds)),
        "mae_shares": np.nanmean(np.abs(found["shares"] - shares)),
        "acc_mood": np.mean(chosen[mood >= 0] == mood[mood >= 0]),
    }


def auc(labels, scores):
    differences = scores[labels == 1][:, None] - scores[labels == 0]
    return np.mean((differences > 0) + 0.5 * (differences == 0))


@pytest.mark.parametrize("prefix", ["", "static_"])
def test_five_types_of_tasks_train_evaluate_and_predict(config, run_command, tmp_path, prefix):
    done = run_command(f"{prefix}trainer", "-m", config)
    assert done.code == 0, done.stderr
    log = re.sub(" +", " ", done.stderr)
    kept = json.loads((tmp_path / "output" / "training_data.json").read_text())["tasks"]
    click, like, watch, mood, shares = kept
    labels = {name: [row[place] for row in rows(60, 0)] for place, name in enumerate(HEADER)}
    assert click["missing"] == labels["click"].count("") > 5
    assert f"click label {60 - click['missing']} {click['missing'] / 60:.1%} " in log
    assert watch["missing"] == labels["seconds"].count("") + labels["seconds"].count(-1)
    assert mood["classes"] == {name: labels["stars"].count(name) for name in MOODS}
    given = [w for cell, w in zip(labels["shares"], labels["weight"]) if cell != ""]
    assert shares["weights"] == pytest.approx(sum(given), rel=1e-6)
    assert like["where"] == "click"
    done = run_command(f"{prefix}infer", "-m", config)
    assert done.code == 0, done.stderr
    found = predictions(tmp_path / "predictions.csv")
    assert [*found][-7:] == [
        "click",
        "like",
        "watch",
        *(f"mood_{name}" for name in MOODS),
        "shares",
    ]
    assert sum(found[f"mood_{name}"] for name in MOODS) == pytest.approx(1, abs=1e-5)
    metrics = printed(done.stdout)
    for name, value in expected_metrics(found, list(rows(60, 1))).items():
        assert metrics[name] == pytest.approx(value, abs=2e-4), name
    assert metrics["auc_click"] > 0.85
    assert metrics["mae_watch"] < 15


def test_rows_with_some_labels_or_none_are_predicted(config, run_command, tmp_path):
    """Metrics are those of the rows with labels; an export needs none."""
    assert run_command("trainer", "-m", config, "-o", "runner.epochs=1").code == 0
    epochs = ["runner.infer_start_epoch=0", "runner.infer_end_epoch=1"]
    done = run_command("infer", "-m", config, "-o", *epochs)
    whole, metrics = predictions(tmp_path / "predictions.csv"), printed(done.stdout)
    (tmp_path / "new").mkdir()
    write(tmp_path / "new" / "rows.csv", rows(60, 1), ["age", "city"])
    # Likes count after a click, which is not known.
    write(tmp_path / "test" / "some.csv", rows(60, 1), ["like", "age", "city"])
    (tmp_path / "test" / "none.csv").write_bytes((tmp_path / "new" / "rows.csv").read_bytes())
    done = run_command("infer", "-m", config, "-o", *epochs)
    assert done.code == 0, done.stderr
    assert "no column click in 2 of 3 files" in done.stderr
    assert printed(done.stdout) == pytest.approx(metrics, abs=1e-5)
    found = predictions(tmp_path / "predictions.csv")
    for name, column in whole.items():
        if name != "row":
            assert found[name].reshape(3, 60) == pytest.approx(np.stack([column] * 3), abs=1e-5)
    export = [*epochs, f"runner.infer_load_path={tmp_path / 'output'}"]
    done = run_command("to_static", "-m", config, "-o", *export)
    assert done.code == 0, done.stderr
    done = run_command(
        *("paddle_infer", "-m", config, "--data_dir", tmp_path / "new"),
        *("--save_predictions", tmp_path / "exported.csv", "-o", *export),
    )
    assert done.code == 0, done.stderr
    exported = predictions(tmp_path / "exported.csv")
    for name in ("click", "like", "watch", *(f"mood_{each}" for each in MOODS), "shares"):
        assert exported[name] == pytest.approx(whole[name], rel=1e-4, abs=1e-5)
