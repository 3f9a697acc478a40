"""Tasks and columns that the YAML lists in another order keep the parameters trained for them."""

import csv
import json
import os
import re

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

SWAPPED = (
    "hyper_parameters.tasks=[{name: marital, label_column: 0}, {name: income, label_column: 1}]"
)
RENAMED = "hyper_parameters.tasks=[{name: income, label_column: 1}, {name: like, label_column: 0}]"
MOVED = "hyper_parameters.tasks=[{name: income, label_column: 0}, {name: marital, label_column: 1}]"
OPTIONS = ["runner.train_batch_size=5", "runner.infer_batch_size=20", "runner.epochs=1"]
OPTIONS += ["runner.infer_end_epoch=1", "hyper_parameters.optimizer.learning_rate=0.02"]


def columns(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


@pytest.fixture
def run(model, command):
    """Runs a command on the model; returns its exit code and log."""

    def run_on_model(name, *options, arguments=()):
        yaml = model / "config.yaml"
        return command(name, "-m", yaml, *arguments, "-o", *OPTIONS, *options)

    return run_on_model


@pytest.mark.parametrize("graph", ["dygraph", "static"])
def test_heads_are_matched_by_the_names_of_tasks(run, model, tmp_path, graph):
    static = "static_" if graph == "static" else ""
    code, log = run(f"{static}trainer")
    assert code == 0, log
    labels = np.loadtxt(model / "data" / "test" / "test_data.txt", delimiter=",", usecols=(0, 1))
    expected = None
    for order in ((), (SWAPPED,)):
        path = tmp_path / f"predictions{len(order)}.csv"
        code, log = run(f"{static}infer", f"runner.save_predictions={path}", *order)
        assert code == 0, log
        found = columns(path)
        for place, name in enumerate(("marital", "income")):
            auc = roc_auc_score(labels[:, place], found[name])
            shown = float(re.findall(rf"epoch: 0 done.* auc_{name}: ([\d.]+)", log)[0])
            assert shown == pytest.approx(auc, abs=1e-4)
            if expected:
                np.testing.assert_array_equal(found[name], expected[name])
        expected = found
    assert "hyper_parameters.tasks in the order of checkpoint" in log
    assert (expected["income"] != expected["marital"]).all()
    refusals = {
        RENAMED: "with tasks income, marital; .* has income, like",
        MOVED: "column 1; .* has 0",
    }
    for order, problem in refusals.items():
        for name in (f"{static}infer", "to_static", "convert"):
            target = ("--checkpoint", model / "output_model_mmoe" / "0", "--output", tmp_path / "c")
            arguments = (*target, "--to", "paddlerec") if name == "convert" else ()
            code, log = run(name, order, arguments=arguments)
            assert (code, len(re.findall(problem, log.splitlines()[-1]))) == (2, 1), log
    if static:
        return

    # The export, and its predictor with the YAML in either order.
    code, log = run("to_static", SWAPPED)
    assert code == 0, log
    for order in ((), (SWAPPED,)):
        path = tmp_path / "exported.csv"
        code, log = run("paddle_infer", *order, arguments=("--save_predictions", path))
        assert code == 0, log
        for name, values in columns(path).items():
            np.testing.assert_allclose(values, expected[name], atol=1e-6)
    assert re.search(r"running model .*tostatic.* \(exported from a checkpoint: run \w{8}, ep", log)

    # The static form, written from the swapped YAML and read back with either one.
    converted, back = tmp_path / "converted" / "0", tmp_path / "back.csv"
    arguments = ("--checkpoint", model / "output_model_mmoe" / "0", "--output", converted)
    arguments = (*arguments, "--to", "paddlemtl", "--form", "static")
    assert run("convert", SWAPPED, arguments=arguments)[0] == 0
    load = f"runner.infer_load_path={converted.parent}"
    for order in ((), (SWAPPED,)):
        code, log = run("infer", load, f"runner.save_predictions={back}", *order)
        assert code == 0, log
        for name, values in columns(back).items():
            np.testing.assert_allclose(values, expected[name], atol=1e-6)

    # A warm start whose training changes nothing.
    start = f"runner.model_init_path={model / 'output_model_mmoe' / '0'}"
    still = [start, "hyper_parameters.optimizer.learning_rate=1e-30", "runner.model_save_path=warm"]
    code, log = run("trainer", SWAPPED, *still)
    assert code == 0, log
    for order in ((), (SWAPPED,)):
        path = tmp_path / "warm.csv"
        options = (f"runner.save_predictions={path}", "runner.infer_load_path=warm", *order)
        assert run("infer", *options)[0] == 0
        for name, values in columns(path).items():
            np.testing.assert_array_equal(values, expected[name])
    code, log = run("trainer", RENAMED, start, "runner.model_save_path=other")
    assert code == 2
    assert "trained with tasks income, marital; " in log.splitlines()[-1]
    code, log = run("trainer", RENAMED, start, "runner.init_scope=[expert*]", "runner.epochs=1")
    assert code == 2  # its folder has the other training
    assert "has checkpoints of another training" in log


def test_an_export_never_lies_beside_another_checkpoint(run, model):
    output, other = model / "output_model_mmoe", model / "other"
    assert run("trainer")[0] == 0
    assert run("trainer", "runner.seed=7", f"runner.model_save_path={other}")[0] == 0
    code, log = run("to_static", f"runner.model_save_path={other}")  # loads from there, too
    assert code == 0, log
    facts = json.loads((other / "0" / "rec.json").read_text())
    about = json.loads((other / "0" / "tostatic.meta.json").read_text())
    assert about["source"]["of"] == f"run {facts['run']['id']}, epoch 0"
    assert f"exporting checkpoint {other / '0'} (run {facts['run']['id']}, epoch 0)" in log
    before = sorted(os.listdir(other / "0"))
    options = (f"runner.model_save_path={other}", f"runner.infer_load_path={output}")
    code, log = run("to_static", *options)
    assert code == 2
    assert (
        f"the export of checkpoint {output / '0'} would lie beside another checkpoint, "
        f"{other / '0'} (run {facts['run']['id']}, epoch 0): set runner.model_save_path to another"
    ) in log
    assert sorted(os.listdir(other / "0")) == before
    arguments = ("--checkpoint", output / "0", "--output", other / "0", "--to", "paddlerec")
    code, log = run("convert", arguments=arguments)
    assert code == 2
    assert f"--output {other / '0'} has another checkpoint (run {facts['run']['id']}, ep" in log
