"""Every model and command on a table that is described only in the YAML."""

import csv
import re
import shutil
from pathlib import Path

import pytest
import yaml

from datasets.example_table import sample
from engine.model_folder import loading

MODELS = Path(loading.REPOSITORY) / "models" / "multitask"
TABLE = {
    "labels": ["click", "like", "both"],
    "dense": ["age", "duration"],
    "sparse": [
        "device",
        {"name": "city", "min_count": 2},
        {"name": "user_id", "hash_buckets": 500, "hash_num": 2},
        {"name": "tags", "separator": "|", "max_len": 4},
        {"name": "age", "min_count": 5},  # a number and a category
        {"name": "city_device", "cross": ["city", "device"], "min_count": 2},
    ],
}
OWN = {  # hyper-parameters that a model needs besides the number of tasks
    "esmm": {
        "tasks": [
            {"name": "ctr", "label_column": 0},
            {"name": "cvr", "label_column": 2, "rows": "ctr", "weight": 0},
            {"name": "ctcvr", "label_column": 2},
        ]
    },
    "dselect_k": {"expert_num": 4, "expert_size": 16, "tower_size": 8},
}
TABLE_MODELS = sorted(path.parent.name for path in MODELS.glob("*/table_reader.py"))


def hyper_parameters(model):
    """Returns three tasks, by whichever name the model has for their number, and its own."""
    declared = loading.hyper_parameters(str(MODELS / model))
    number = {name: 3 for name in ("task_num", "gate_num") if name in declared}
    return {**number, **OWN.get(model, {})}


@pytest.fixture
def data(tmp_path):
    """Writes a smaller sample of the docs with a third label: click and like."""

    def write(name="data", train=3_000, seed=1):
        folder = tmp_path / name
        sample.write(folder, seed, (train, 700))
        for path in (folder / part for part in sample.FILES):
            rows = list(csv.reader(path.read_text().splitlines()))
            rows[0].append("both")
            for row in rows[1:]:
                row.append(str(int(row[0]) * int(row[1])))
            with open(path, "w", newline="") as file:
                csv.writer(file).writerows(rows)
        return folder

    return write


@pytest.fixture
def own_yaml(tmp_path, data):
    """Writes the YAML of a model for the table and returns its path."""

    def write(model, folder=None, table=TABLE, **runner):
        folder = folder or data()
        place = tmp_path / model
        if not place.exists():
            shutil.copytree(MODELS / model, place, ignore=shutil.ignore_patterns("data", "*.yaml"))
        content = {
            "runner": {
                "train_data_dir": str(folder / "train_all"),
                "test_data_dir": str(folder / "test_all"),
                "train_reader_path": "table_reader",
                "use_gpu": False,
                "train_batch_size": 64,
                "infer_batch_size": 256,
                "epochs": 2,
                "infer_start_epoch": 1,
                "infer_end_epoch": 2,
                "print_interval": 1_000,
                "model_save_path": str(tmp_path / "output"),
                **runner,
            },
            "hyper_parameters": {
                "table": table,
                "embedding_size": 8,
                "optimizer": {"class": "adam", "learning_rate": 0.01},
                **hyper_parameters(model),
            },
        }
        path = place / "own.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


def last_metrics(text):
    """Returns the metrics in the last epoch's line, by task."""
    line = [line for line in text.splitlines() if " done, " in line][-1]
    return {name: float(value) for name, value in re.findall(r"auc_(\w+): ([0-9.]+)", line)}


@pytest.fixture
def succeed(run_command):
    """Runs a command that must succeed and returns its output."""

    def run(*arguments):
        done = run_command(*arguments)
        assert done.code == 0, done.stderr
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize("model", TABLE_MODELS)
def test_a_model_is_trained_evaluated_exported_and_run(succeed, own_yaml, tmp_path, model):
    path = own_yaml(model)
    succeed("trainer", "-m", path)
    evaluated = last_metrics(succeed("infer", "-m", path))
    assert min(evaluated.values()) > 0.7, evaluated
    succeed("to_static", "-m", path)
    printed = succeed("paddle_infer", "-m", path)
    predicted = {
        task: float(auc) for task, auc in re.findall(r"^(\w+): auc ([0-9.]+)", printed, re.M)
    }
    assert predicted == pytest.approx(evaluated, abs=1e-3)
    # Without the YAML, the reader gets its settings from the files beside the export.
    reader = ("--reader_file", path.parent / "table_reader.py")
    rows = ("--data_dir", tmp_path / "data" / "test_all", "--batchsize", "64")
    alone = succeed("paddle_infer", "--model_dir", tmp_path / "output" / "1", *reader, *rows)
    assert re.findall(r": auc [0-9.]+", alone) == re.findall(r": auc [0-9.]+", printed)
    static = last_metrics(succeed("static_infer", "-m", path))
    assert static == pytest.approx(evaluated, abs=1e-6)


@pytest.mark.parametrize("model", TABLE_MODELS)
def test_static_graph_trains_and_exports(succeed, own_yaml, model):
    path = own_yaml(model, epochs=1, infer_start_epoch=0, infer_end_epoch=1, use_inference=True)
    succeed("static_trainer", "-m", path)
    evaluated = last_metrics(succeed("static_infer", "-m", path))
    assert min(evaluated.values()) > 0.6, evaluated
    printed = succeed("paddle_infer", "-m", path)
    predicted = {
        task: float(auc) for task, auc in re.findall(r"^(\w+): auc ([0-9.]+)", printed, re.M)
    }
    assert predicted == pytest.approx(evaluated, abs=1e-3)


def test_only_dense_columns(succeed, own_yaml, tmp_path):
    path = own_yaml("mmoe")
    content = yaml.safe_load(path.read_text())
    content["hyper_parameters"]["table"] = {"labels": ["click", "like", "both"], "dense": ["age"]}
    del content["hyper_parameters"]["embedding_size"]  # without effect
    path.write_text(yaml.safe_dump(content))
    succeed("trainer", "-m", path)
    assert last_metrics(succeed("infer", "-m", path)).keys() == {"click", "like", "both"}
    succeed("to_static", "-m", path)


def test_rows_without_labels_are_predicted_but_not_evaluated(
    succeed, run_command, own_yaml, tmp_path
):
    path = own_yaml("mmoe")
    succeed("trainer", "-m", path)
    succeed("to_static", "-m", path)
    labelled, new = tmp_path / "labelled.csv", tmp_path / "new.csv"
    succeed("paddle_infer", "-m", path, "--save_predictions", labelled)
    table = tmp_path / "data" / "test_all" / "test.csv"
    rows = list(csv.reader(table.read_text().splitlines()))
    with open(table, "w", newline="") as file:
        csv.writer(file).writerows(row[2:-1] for row in rows)
    printed = succeed("paddle_infer", "-m", path, "--save_predictions", new)
    assert "700 rows" in printed
    assert "auc" not in printed.splitlines()[-1]
    assert new.read_bytes() == labelled.read_bytes()
    succeed("static_trainer", "-m", path, "-o", f"runner.model_save_path={tmp_path / 'static'}")
    for command, folder in (("infer", "output"), ("static_infer", "static")):
        predicted = tmp_path / f"{command}.csv"
        options = [f"runner.save_predictions={predicted}"]
        options += [f"runner.infer_load_path={tmp_path / folder}"]
        done = run_command(command, "-m", path, "-o", *options)
        assert done.code == 0
        assert "auc" not in done.stdout
        assert "task click: no labels in the test data: predicted, not evaluated" in done.stdout
        assert len(predicted.read_text().splitlines()) == 701


def test_invalid_data_is_one_line_and_writes_nothing(run_command, own_yaml, tmp_path):
    path = own_yaml("mmoe")
    table = tmp_path / "data" / "train_all" / "train.csv"
    lines = table.read_text().splitlines()
    lines[100] = f"2{lines[100][1:]}"
    table.write_text("\n".join(lines))
    done = run_command("trainer", "-m", path)
    assert done.code == 2
    problem = (
        f"error: table_reader: {table}:101: column click: expected a label 0 or 1, found '2' (task "
        "click: set its positive or missing_label, or leave cells without a label empty)"
    )
    assert done.stderr.splitlines()[-1] == problem
    assert not (tmp_path / "output").exists()
    assert list(table.parent.iterdir()) == [table]


def test_evaluation_before_training(run_command, own_yaml, tmp_path):
    path = own_yaml("mmoe")
    for command in ("infer", "static_infer", "to_static"):
        done = run_command(command, "-m", path)
        assert done.code == 2
        assert "there is no checkpoint" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "output").exists()


def test_each_checkpoint_is_evaluated_with_its_own_vocabulary(
    succeed, run_command, own_yaml, data, tmp_path
):
    """Although checkpoints of a run on other rows were copied over some of its own."""
    # Both vocabularies have the same size: the shapes of the checkpoints are equal.
    table = {**TABLE, "sparse": ["device", {"name": "user_id", "hash_buckets": 500}]}
    first = own_yaml("mmoe", table=table)
    succeed("trainer", "-m", first)
    expected = last_metrics(succeed("infer", "-m", first))
    second = own_yaml("mmoe", data("other", train=2_000, seed=2), table, epochs=1)
    other = tmp_path / "other_output"
    succeed("trainer", "-m", second, "-o", f"runner.model_save_path={other}")
    shutil.copytree(other / "0", tmp_path / "output" / "0", dirs_exist_ok=True)
    for vocabulary in other.glob("vocabulary-*.json"):
        shutil.copy(vocabulary, tmp_path / "output")
    assert len(list((tmp_path / "output").glob("vocabulary-*.json"))) == 2
    test_files = f"runner.test_data_dir={tmp_path / 'data' / 'test_all'}"
    assert last_metrics(succeed("infer", "-m", second, "-o", test_files)) == expected
    succeed("infer", "-m", second, "-o", "runner.infer_start_epoch=0", "runner.infer_end_epoch=1")
    both = run_command("infer", "-m", second, "-o", "runner.infer_start_epoch=0")
    assert both.code == 2
    assert both.stderr.splitlines()[-1].endswith("equal ids stand for different values")


def test_a_checkpoint_without_its_vocabulary_is_refused(run_command, succeed, own_yaml, tmp_path):
    path = own_yaml("mmoe")
    succeed("trainer", "-m", path)
    succeed("to_static", "-m", path)
    moved = tmp_path / "moved"
    shutil.move(tmp_path / "output" / "1", moved / "1")
    (vocabulary,) = (tmp_path / "output").glob("vocabulary-*.json")
    shutil.rmtree(tmp_path / "output" / "0")
    vocabulary.rename(tmp_path / vocabulary.name)
    load = ("-o", f"runner.infer_load_path={moved}")
    reader = ("--reader_file", path.parent / "table_reader.py")
    alone = ("--model_dir", moved / "1", *reader, "--data_dir", tmp_path / "data" / "test_all")
    for command in (("infer", "-m", path, *load), ("paddle_infer", *alone)):
        done = run_command(*command)
        assert done.code == 2
        assert f"{vocabulary.name} is in none of" in done.stderr.splitlines()[-1]
    (tmp_path / vocabulary.name).rename(moved / vocabulary.name)
    succeed("infer", "-m", path, *load)
    succeed("paddle_infer", *alone)


def test_a_resumed_run_keeps_its_vocabulary(succeed, own_yaml, data, tmp_path):
    path = own_yaml("mmoe", epochs=1)
    succeed("trainer", "-m", path)
    (vocabulary,) = (tmp_path / "output").glob("vocabulary-*.json")
    more = own_yaml("mmoe", data("other", train=2_000, seed=2))
    succeed("trainer", "-m", more, "-o", "runner.resume=True")
    assert list((tmp_path / "output").glob("vocabulary-*.json")) == [vocabulary]
    succeed("infer", "-m", more, "-o", "runner.infer_start_epoch=0")


def test_a_warm_start_takes_the_vocabulary_over(succeed, own_yaml, data, tmp_path):
    succeed("trainer", "-m", own_yaml("mmoe"))
    (vocabulary,) = (tmp_path / "output").glob("vocabulary-*.json")
    warm = own_yaml(
        "mmoe",
        data("other", train=2_000, seed=2),
        model_save_path=str(tmp_path / "warm"),
        model_init_path=str(tmp_path / "output" / "1"),
    )
    succeed("trainer", "-m", warm)
    (copied,) = (tmp_path / "warm").glob("vocabulary-*.json")
    assert copied.read_bytes() == vocabulary.read_bytes()
    shutil.rmtree(tmp_path / "output")
    succeed("infer", "-m", warm)


def test_columns_that_differ_from_the_checkpoint_are_an_error(
    run_command, succeed, own_yaml, tmp_path
):
    path = own_yaml("mmoe")
    succeed("trainer", "-m", path)
    expected = last_metrics(succeed("infer", "-m", path))
    table = yaml.safe_load(path.read_text())["hyper_parameters"]["table"]
    order = [f"hyper_parameters.table.{key}={table[key][::-1]}" for key in ("dense", "labels")]
    for options in (order[:1], order):  # another order is no other column
        shown = succeed("infer", "-m", path, "-o", *options)
        assert last_metrics(shown) == expected
        assert "table.dense in the order of checkpoint" in shown
    changed = "hyper_parameters.table.dense=[age]"
    done = run_command("infer", "-m", path, "-o", changed)
    assert done.code == 2
    assert "hyper_parameters.table.dense: expected " in done.stderr


def test_a_typo_in_the_block_names_the_key(succeed, run_command, own_yaml):
    path = own_yaml("mmoe")
    path.write_text(path.read_text().replace("    sparse:", "    sparce:"))
    done = run_command("infer", "-m", path)
    assert (
        "unknown key hyper_parameters.table.sparce; did you mean 'hyper_parameters.table.sparse"
        in (done.stdout + done.stderr)
    )
