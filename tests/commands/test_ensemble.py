"""The ensemble of several runs, on the command line."""

import json
import re

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score


def columns(path):
    table = np.genfromtxt(path, delimiter=",", names=True)
    return {name: table[name] for name in table.dtype.names}


def log_loss(labels, predicted):
    chosen = np.where(labels == 1, predicted, 1 - predicted)
    return -np.log(np.clip(chosen, np.finfo(np.float32).eps, 1)).mean()


@pytest.fixture
def trained(model, command):
    """Returns the YAML and the folders of two runs of an epoch with different seeds."""
    runs = []
    for seed in (1, 2):
        runs.append(model / f"run-{seed}")
        options = [f"runner.seed={seed}", f"runner.model_save_path={runs[-1]}", "runner.epochs=1"]
        code, log = command("trainer", "-m", model / "config.yaml", "-o", *options)
        assert code == 0, log
    return model / "config.yaml", runs


def test_the_mean_of_two_runs(trained, command, tmp_path):
    yaml, runs = trained
    parts = []
    for run in runs:
        path = tmp_path / f"{run.name}.csv"
        options = [f"runner.infer_load_path={run}", "runner.infer_end_epoch=1"]
        options += [f"runner.save_predictions={path}"]
        assert command("infer", "-m", yaml, "-o", *options)[0] == 0
        parts.append(columns(path))
    path = tmp_path / "means.csv"
    measured = tmp_path / "metrics.json"
    options = ["runner.infer_end_epoch=1", f"runner.save_predictions={path}"]
    options += [f"runner.save_metrics={measured}"]
    code, log = command("ensemble", "-m", yaml, "--runs", *runs, "-o", *options)
    assert code == 0, log
    means = columns(path)
    rows = np.loadtxt(yaml.parent / "data" / "test" / "test_data.txt", delimiter=",")
    for column, task in enumerate(("marital", "income")):
        expected = (parts[0][task] + parts[1][task]) / 2
        assert np.abs(parts[0][task] - parts[1][task]).max() > 1e-3  # the seeds differ
        assert means[task] == pytest.approx(expected, abs=1e-7)
        shown = re.findall(rf"(\S+), {task} on 20 rows, auc: ([\d.]+), logloss: ([\d.]+)", log)
        assert [what for what, *_ in shown] == [*(str(run / "0") for run in runs), "2"]
        for (_, auc, loss), predicted in zip(shown, (*(part[task] for part in parts), expected)):
            assert float(auc) == pytest.approx(roc_auc_score(rows[:, column], predicted), abs=2e-6)
            assert float(loss) == pytest.approx(log_loss(rows[:, column], predicted), rel=1e-4)
    assert "mean of 2, income on 20 rows" in log
    found = json.loads(measured.read_text(encoding="utf-8"))
    assert (found["mode"], found["rows"]) == ("ensemble", 40)
    assert list(found["runs"]) == [str(run / "0") for run in runs]
    for predicted, figures in zip((*parts, means), (*found["runs"].values(), found["tasks"])):
        exact = roc_auc_score(rows[:, 1], predicted["income"])
        assert figures["income"]["auc"] == pytest.approx(exact, abs=1e-6)


def test_folders_relative_to_the_current_one(trained, command, monkeypatch):
    yaml, runs = trained
    monkeypatch.chdir(yaml.parent)
    options = ["runner.infer_end_epoch=1", "runner.metrics=[acc]"]
    code, log = command(
        "ensemble", "-m", yaml, "--runs", *(run.name for run in runs), "-o", *options
    )
    assert code == 0, log
    assert len(re.findall(r"marital on 20 rows, acc: [\d.]+\n", log)) == 3


@pytest.mark.parametrize(
    ("names", "options", "problem"),
    [
        (["run-1"], [], "--runs: expected at least two different folders"),
        (["run-1", "run-1"], [], "--runs: expected at least two different folders"),
        (["run-1", "run-3"], ["runner.infer_end_epoch=1"], "there is no checkpoint"),
        (["run-1", "run-2"], ["runner.infer_checkpoint=best"], "there is no checkpoint"),
        (["run-1", "run-2"], ["runner.infer_end_epoch=2"], "there is no checkpoint"),
        (
            ["run-1", "run-2"],
            ["runner.infer_end_epoch=1", "hyper_parameters.expert_size=4"],
            "expert",
        ),
        (
            ["run-1", "run-2"],
            ["runner.infer_end_epoch=1", "runner.save_predictions=a.txt"],
            "expected a file name that ends in .csv",
        ),
    ],
)
def test_invalid_input_is_one_line(trained, command, names, options, problem):
    yaml, runs = trained
    runs = [yaml.parent / name for name in names]
    code, log = command(
        "ensemble", "-m", yaml, "--runs", *runs, *(["-o", *options] if options else [])
    )
    assert code == 2
    last = log.splitlines()[-1]
    assert last.startswith("error: ")
    assert problem in last
    assert "Traceback" not in log


def test_a_run_with_another_order_of_tasks_is_an_error(trained, command, tmp_path):
    yaml, runs = trained
    facts = runs[1] / "0" / "rec.json"
    saved = json.loads(facts.read_text(encoding="utf-8"))
    saved["metrics"].reverse()
    for key in ("crc32", "files", "model"):  # an older version, which recorded metrics only
        del saved[key]
    facts.write_text(json.dumps(saved), encoding="utf-8")
    kept = tmp_path / "means.csv"
    options = ["runner.infer_end_epoch=1", f"runner.save_predictions={kept}"]
    code, log = command("ensemble", "-m", yaml, "--runs", *runs, "-o", *options)
    assert code == 2
    last = log.splitlines()[-1]
    assert last.startswith(f"error: {runs[1] / '0'} was trained for auc_")
    assert not kept.exists()


def test_one_checkpoint_of_each_run(trained, command):
    yaml, runs = trained
    for run in runs:
        (run / "1").symlink_to(run / "0")
    code, log = command("ensemble", "-m", yaml, "--runs", *runs, "-o", "runner.infer_end_epoch=2")
    assert code == 2
    assert "takes one checkpoint of each run, but this selects 2" in log.splitlines()[-1]
