"""A small matrix for the tests: one model on a few rows of its sample, and records by hand."""

from itertools import islice
from pathlib import Path

import yaml

from engine.model_folder import loading

MODELS = Path(loading.REPOSITORY) / "models" / "multitask"
SAMPLE = Path(loading.REPOSITORY) / "datasets" / "census" / "sample_data"


def rows(folder, count=24):
    """Writes a few rows of the census sample to folder/train and folder/test; returns folder."""
    for part in ("train", "test"):
        (folder / part).mkdir(parents=True, exist_ok=True)
        path = SAMPLE / part / f"{part}_data.txt"
        with open(path, encoding="utf-8") as file:
            text = "".join(islice(file, count))
        (folder / part / "rows.txt").write_text(text, encoding="utf-8")
    return folder


def content(folder, **data):
    """Returns the content of a YAML: ShareBottom on a few rows, one seed."""
    options = [f"runner.train_data_dir={folder}/train", f"runner.test_data_dir={folder}/test"]
    options += ["runner.epochs=2", "runner.train_batch_size=8", "runner.infer_batch_size=8"]
    model = {"yaml": str(MODELS / "share_bottom" / "config.yaml"), "opt": options}
    few = {
        "title": {"en": "A few rows", "zh": "几行"},
        "protocol": {"en": "24 rows train, 24 test.", "zh": "24 行训练，24 行测试。"},
        "models": {"ShareBottom": model},
        **data,
    }
    return {
        "results_dir": "cells",
        "seeds": [1],
        "data": {"few": few},
        "matrices": {"small": {"data": ["few"], "report_dir": "pages"}},
    }


def write(path, what):
    """Writes a YAML and returns its path."""
    path.write_text(yaml.safe_dump(what, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def record(model, seed, income, marital, data="few", **more):
    """Returns the record of a finished cell with these AUCs."""

    def task(auc):
        return {
            "rows": 100,
            "positives": 30,
            "auc": auc,
            "logloss": 0.3,
            "calibration": 1.05,
            "ece": 0.02,
            "reliability": [[0.1, 0.12, 50.0], [0.6, 0.55, 50.0]],
        }

    curve = {"0": {"auc_income": income - 0.1, "auc_marital": marital - 0.1}}
    curve["1"] = {"auc_income": income, "auc_marital": marital}
    return {
        "cell": f"{data}/{model}/{seed}",
        "data": data,
        "model": model,
        "seed": seed,
        "state": "finished",
        "commit": "0123456789ab",
        "threads": 1,
        "started_at": "2026-01-02T03:04:05+00:00",
        "seconds": 20.0 + seed,
        "epochs": 2,
        "chosen_epoch": 1,
        "curves": {"train": curve, "valid": curve},
        "tasks": {"income": task(income), "marital": task(marital)},
        "gates": {"income": [0.9, 0.1], "marital": [0.25, 0.75]},
        "parameters": 12345,
        "train_rows": 1000,
        "train_seconds": 0.5,
        "environment": {
            "os": "Linux <test> & more",
            "processor": "a processor",
            "cores": 2,
            "python": "3.11.2",
            "paddle": "3.3.1",
        },
        **more,
    }
