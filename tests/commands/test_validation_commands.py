"""Validation on the command line: log lines, `best`, and invalid input."""

import json
import re

import pytest

LINE = (
    r"INFO - valid: epoch: (\d), batch_id: 9, auc_income: [\d.]+, auc_marital: [\d.]+, "
    r"valid time: [\d.]+ s\n"
)


@pytest.mark.parametrize("graph", ["", "static_"])
def test_train_with_validation_and_evaluate_the_best(graph, model, command):
    yaml, rows = model / "config.yaml", model / "data" / "test"
    options = ("-m", yaml, "-o", f"runner.valid_data_dir={rows}", "runner.infer_checkpoint=best")
    name = "static_trainer" if graph else "trainer"
    code, log = command(name, *options, "runner.valid_interval=10")
    assert code == 0, log
    assert re.findall(LINE, log) == ["0", "1", "2"]
    logged = re.search(r"best evaluation: mean = ([\d.]+) in epoch (\d), batch_id 9, saved", log)
    facts = json.loads(
        (model / f"output_model_mmoe/best/rec{'_static' * bool(graph)}.json").read_text()
    )
    assert facts["epoch"] == int(logged[2])
    assert sum(facts["valid"].values()) / 2 == pytest.approx(float(logged[1]), abs=1e-6)
    code, log = command(f"{graph}infer", *options)
    assert code == 0, log
    done = re.search(r"epoch: (\d) done, auc_income: ([\d.]+), auc_marital: ([\d.]+), ", log)
    assert done[1] == logged[2]
    assert (float(done[2]) + float(done[3])) / 2 == pytest.approx(float(logged[1]), abs=1e-5)


def test_an_option_of_evaluation_has_no_effect_on_training(model, command, tmp_path):
    rows = f"runner.save_predictions={tmp_path / 'rows.csv'}"
    code, log = command("trainer", "-m", model / "config.yaml", "-o", rows, "runner.epochs=1")
    assert code == 0, log
    warning = "-o runner.save_predictions has no effect on training: give it to the command that"
    assert warning in log
    assert not (tmp_path / "rows.csv").exists()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("runner.valid_metric=auc_incom", "did you mean 'auc_income'?"),
        ("runner.valid_interval=-1", "expected an integer of at least 0"),
        ("runner.early_stopping_min_delta=-1", "expected a number of at least 0"),
        ("runner.infer_checkpoint=last", "expected best"),
    ],
)
def test_invalid_input_is_one_line(options, problem, model, command):
    chosen = f"runner.valid_data_dir={model / 'data' / 'test'}"
    code, log = command("trainer", "-m", model / "config.yaml", "-o", chosen, options)
    assert code == 2
    last = log.splitlines()[-1]
    assert last.startswith("error: ")
    assert problem in last
    assert "Traceback" not in log
    assert not (model / "output_model_mmoe" / "0").exists()
