"""`choose: best`: the trainer's best checkpoint is tested, and its evaluations are the curve."""

import json
import os
from pathlib import Path

import pytest
from matrices import content, rows, write

from comparing import cell_run, matrix
from comparing.results import Results
from engine.system.errors import UserError


@pytest.fixture
def small(tmp_path):
    """A matrix with one model, which has a validation set."""
    found = content(rows(tmp_path / "data"), choose="best")
    rows(tmp_path / "other", 16)
    options(found).append(f"runner.valid_data_dir={tmp_path}/other/test")
    return found


def options(what):
    return what["data"]["few"]["models"]["ShareBottom"]["opt"]


def ran(tmp_path, what):
    """Runs the cell; returns its record and the folder of its checkpoints."""
    (cell,) = matrix.load(write(tmp_path / "matrix.yaml", what), None).cells
    results = Results(str(tmp_path / "cells"), 1)
    found = results.run(cell)
    assert found["state"] == "finished", found
    assert results.read(cell) == json.loads(Path(results.path(cell)).read_text(encoding="utf-8"))
    return found, tmp_path / "cells/few/ShareBottom/work-1/output"


def test_the_best_checkpoint_is_tested_and_epochs_are_those_that_ran(tmp_path, small):
    options(small).append("runner.epochs=30")
    options(small).append("runner.early_stopping_patience=1")
    options(small).append("runner.early_stopping_min_delta=0.9")  # nothing is so much better
    small["data"]["few"]["curves"] = {"displayed": "data/test"}
    found, output = ran(tmp_path, small)
    assert (found["epochs"], found["chosen_epoch"]) == (2, 0)
    assert {name: sorted(one) for name, one in found["curves"].items()} == {
        "train": ["0", "1"],
        "displayed": ["0", "1"],
        "valid": ["0", "1"],
    }
    assert sorted(os.listdir(output)) == ["best", "config.yaml", "training_data.json"]
    facts = json.loads((output / "best" / "rec.json").read_text(encoding="utf-8"))
    assert facts["epoch"] == 0
    assert found["curves"]["valid"]["0"] == pytest.approx(facts["valid"])
    train, displayed, test = found["commands"]
    assert "runner.infer_checkpoint=best" in test
    assert "runner.infer_checkpoint=null" in displayed
    assert train.startswith("tools/trainer.py")
    # The curve evaluated the same checkpoint.
    for task in ("income", "marital"):
        exact, counted = found["tasks"][task]["auc"], found["curves"]["displayed"]["0"]
        assert exact == pytest.approx(counted[f"auc_{task}"], abs=1e-3)


def test_a_curve_on_the_validation_set_needs_no_command(tmp_path, small):
    small["data"]["few"]["curves"] = {"held-out": "other/test"}
    options(small).append("runner.valid_interval=2")  # inside an epoch of three batches, too
    found, _ = ran(tmp_path, small)
    assert len(found["commands"]) == 2
    assert sorted(found["curves"]) == ["held-out", "train"]
    work = tmp_path / "cells/few/ShareBottom/work-1/train/metrics.json"
    measured = json.loads(work.read_text(encoding="utf-8"))
    places = [(one["epoch"], one["batches"]) for one in measured["valid"]]
    assert places == [(0, 2), (0, 3), (1, 2), (1, 3)]
    assert found["curves"]["held-out"]["1"] == measured["valid"][-1]["metrics"]
    means = [sum(one["metrics"].values()) / 2 for one in measured["valid"]]
    assert measured["best"]["value"] == pytest.approx(max(means))
    best = measured["best"]["epoch"], measured["best"]["batches"]
    assert best == places[means.index(max(means))]
    assert found["chosen_epoch"] == best[0]


def test_a_run_that_stops_inside_its_first_epoch_has_a_best_checkpoint(tmp_path, small):
    options(small).extend(["runner.valid_interval=1", "runner.early_stopping_patience=1"])
    options(small).append("runner.early_stopping_min_delta=0.9")
    found, output = ran(tmp_path, small)
    assert (found["epochs"], found["chosen_epoch"]) == (1, 0)
    assert sorted(os.listdir(output)) == ["best", "config.yaml", "training_data.json"]
    assert sorted(found["curves"]["valid"]) == ["0"]


@pytest.mark.parametrize(
    ("choose", "given", "problem"),
    [
        ("best", [], "choose: best needs a validation set"),
        (
            "best",
            ["runner.valid_data_dir={}/test"],
            "choose: best: validation and test sets must not overlap: /",
        ),
        (
            "best",
            ["runner.valid_data_dir={}"],
            "choose: best: validation and test sets must not overlap: /",
        ),
        (
            "last",
            ["runner.valid_data_dir={}/test", "runner.early_stopping_patience=1"],
            "early stopping: validation and test sets must not overlap: ",
        ),
    ],
)
def test_the_test_set_chooses_nothing(tmp_path, choose, given, problem):
    data = rows(tmp_path / "data")
    small = content(data, choose=choose)
    options(small).extend(one.format(data) for one in given)
    (cell,) = matrix.load(write(tmp_path / "matrix.yaml", small), None).cells
    with pytest.raises(UserError) as caught:
        cell_run.configuration(cell)
    assert "few/ShareBottom/1: " in str(caught.value)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_choice_is_another_cell(tmp_path, small):
    def fingerprint():
        (cell,) = matrix.load(write(tmp_path / "matrix.yaml", small), None).cells
        return Results(str(tmp_path), 1).fingerprint(cell)

    best = fingerprint()
    small["data"]["few"]["choose"] = "last"
    assert fingerprint() != best
