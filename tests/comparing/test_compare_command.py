"""tools/compare.py: cells run as commands, once; after a failed cell the others continue."""

import json

import pytest
from matrices import MODELS, content, record, rows, write

from comparing import cell_run


@pytest.fixture
def small(tmp_path):
    return content(rows(tmp_path / "data"))


@pytest.fixture
def compare(run_command, tmp_path):
    def run(what, *arguments):
        path = write(tmp_path / "matrix.yaml", what)
        return run_command("compare", "-m", path, *arguments)

    return run


def test_a_cell_runs_once_and_its_curve_chooses_the_epoch(compare, small, tmp_path):
    rows(tmp_path / "valid", 16)
    curves = {"valid": "valid/test"}
    choose = {"by": "valid", "metric": "auc_marital"}
    small["data"]["few"].update(curves=curves, choose=choose)
    options = small["data"]["few"]["models"]["ShareBottom"]["opt"]
    options.append("runner.keep_checkpoints=1")  # every epoch can be chosen all the same
    done = compare(small)
    assert done.code == 0, done.stderr
    path = tmp_path / "cells" / "few" / "ShareBottom" / "1.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    assert (found["state"], found["cell"]) == ("finished", "few/ShareBottom/1")
    assert (found["epochs"], found["train_rows"], found["test_rows"]) == (2, 48, 24)
    curve = {int(epoch): one["auc_marital"] for epoch, one in found["curves"]["valid"].items()}
    assert sorted(curve) == [0, 1]
    best = found["chosen_epoch"]
    assert curve[best] == max(curve.values())
    assert found["tasks"]["income"]["rows"] == 24
    assert sum(rows for *_, rows in found["tasks"]["marital"]["reliability"]) == 24
    # The commands as a user would type them; the test set is read once, for the chosen epoch.
    train, valid, test = found["commands"]
    assert train.startswith("tools/trainer.py -m ")
    assert f"runner.test_data_dir={tmp_path}/valid/test" in valid
    assert f"runner.infer_start_epoch={best} runner.infer_end_epoch={best + 1}" in test
    output = path.parent / "work-1" / "output"
    assert [one.name for one in output.iterdir() if one.name.isdigit()] == [str(best)]
    pages = tmp_path / "pages"
    assert "ShareBottom" in (pages / "RESULTS.md").read_text(encoding="utf-8")
    assert "几行" in (pages / "RESULTS_CN.md").read_text(encoding="utf-8")
    assert (pages / "results.html").is_file()

    before = path.stat().st_mtime_ns
    again = compare(small)
    assert again.code == 0
    assert "few/ShareBottom/1 (1 of 1): already finished" in again.stderr
    assert path.stat().st_mtime_ns == before

    options.append("runner.epochs=3")
    assert compare(small, "--list").stdout.split() == ["not", "run", "few/ShareBottom/1"]


def test_only_selects_cells_and_after_a_failure_the_others_run(
    compare, small, tmp_path, monkeypatch
):
    models = small["data"]["few"]["models"]
    options = models["ShareBottom"]["opt"]
    broken = [*options, f"runner.train_data_dir={tmp_path}/nowhere"]
    mine = str(MODELS / "share_bottom" / "config.yaml")
    small["data"]["few"]["models"] = {
        "Broken": {"yaml": mine, "opt": broken},
        "ShareBottom": models["ShareBottom"],
        "Unwanted": {"yaml": mine, "opt": options},
    }
    done = compare(small, "--only", "few/Broken/*", "few/Share*")
    assert done.code == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: 1 of 2 cells failed; the first: few/Broken/1: train (")
    assert "there is no folder" in last
    states = compare(small, "--list").stdout.splitlines()
    assert states == [
        "failed    few/Broken/1",
        "finished  few/ShareBottom/1",
        "not run   few/Unwanted/1",
    ]
    text = (tmp_path / "pages" / "RESULTS.md").read_text(encoding="utf-8")
    assert "## Failed" in text
    assert "`few/Broken/1`: train (" in text
    assert "`few/Unwanted/1`" in text.partition("## Not run yet")[2]
    # A failed cell runs again: the folder may exist now.
    measured = record("Broken", 1, 0.9, 0.8)
    monkeypatch.setattr(cell_run.CellRun, "run", lambda self: measured)
    again = compare(small, "--only", "few/Broken/1")
    assert again.code == 0, again.stderr
    assert compare(small, "--list").stdout.startswith("finished  few/Broken/1")


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (["data", "few", "models", "ShareBottom", "opt"], ["runner.epoch=1"], "unknown key"),
        (["data", "few", "choose"], {"by": "valid"}, "choose: by: expected one of curves"),
        (["seeds"], "many", "seeds: expected a list, found 'many'"),
    ],
)
def test_a_bad_yaml_is_one_line_and_nothing_is_written(
    path, value, problem, compare, small, tmp_path
):
    part = small
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    done = compare(small)
    assert done.code == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert problem in line
    assert not (tmp_path / "cells").exists()
    assert not (tmp_path / "pages").exists()


def test_to_list_and_to_write_pages_exclude_each_other(compare, small):
    done = compare(small, "--list", "--no_run")
    assert done.code == 2
    assert "--no_run: not allowed with argument --list" in done.stderr.splitlines()[-1]


def test_a_damaged_file_of_a_cell_says_what_to_do(compare, small, tmp_path):
    path = tmp_path / "cells" / "few" / "ShareBottom" / "1.json"
    path.parent.mkdir(parents=True)
    path.write_text("{", encoding="utf-8")
    done = compare(small, "--list")
    assert done.code == 2
    assert "remove it to run the cell again" in done.stderr.splitlines()[-1]
