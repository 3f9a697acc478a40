"""``runner.metrics`` and ``runner.save_metrics`` on the command line."""

import csv
import json
from collections import Counter

import numpy as np
import pytest
import yaml
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from datasets.example_table import sample
from engine.data import sources
from engine.data.row_source import RowSource
from engine.evaluation.task_metrics import TaskMetrics
from engine.model_folder import loading
from engine.system.errors import UserError

FOLDER = f"{loading.REPOSITORY}/models/multitask"
DATASETS = f"{loading.REPOSITORY}/datasets"
BINARY = "[auc,logloss,calibration,ece,acc]"


@pytest.fixture
def evaluated(run_command, tmp_path):
    """Trains a folder's sample for an epoch, evaluates it and returns the files it wrote."""

    def run(model, *options, command="infer", yaml_path=None):
        path, output = tmp_path / "metrics.json", tmp_path / "output"
        config = yaml_path or f"{FOLDER}/{model}/config.yaml"
        common = [f"runner.model_save_path={output}", f"runner.infer_load_path={output}"]
        common += ["runner.epochs=1", "runner.infer_end_epoch=1"]
        trained = run_command("trainer", "-m", config, "-o", *common, "runner.print_interval=100")
        assert trained.code == 0, trained.stderr
        predictions = tmp_path / "predictions.csv"
        saved = [f"runner.save_predictions={predictions}", f"runner.save_metrics={path}"]
        done = run_command(command, "-m", config, "-o", *common, *saved, *options)
        if done.code:
            return done, None, None
        with open(predictions, encoding="utf-8") as file:
            table = {name: [] for name in next(csv.reader(file))}
            for row in csv.reader(file):
                for name, value in zip(table, row):
                    table[name].append(float(value))
        table = {name: np.array(values) for name, values in table.items()}
        return done, json.loads(path.read_text(encoding="utf-8")), table

    return run


def labels(model, places):
    """Returns columns of labels from a text sample's test set."""
    data_set = {"esmm": "ali_ccp", "mmoe": "census"}[model]
    path = f"{DATASETS}/{data_set}/sample_data/test/test_data.txt"
    table = np.loadtxt(path, delimiter=",", usecols=range(1 + max(places)))
    return [table[:, place] for place in places]


@pytest.mark.parametrize("command", ["infer", "static_infer"])
def test_metrics_agree_with_scikit_learn_on_the_saved_predictions(evaluated, command):
    done, found, table = evaluated("mmoe", f"runner.metrics={BINARY}", command=command)
    for task, truth in zip(("income", "marital"), labels("mmoe", (1, 0))):
        figures, predicted = found["epochs"]["0"]["tasks"][task], table[task]
        assert figures["rows"] == 200
        assert figures["positives"] == truth.sum()
        assert figures["auc"] == pytest.approx(roc_auc_score(truth, predicted), abs=1e-9)
        assert figures["logloss"] == pytest.approx(log_loss(truth, predicted), abs=1e-6)
        assert figures["acc"] == accuracy_score(truth, predicted > 0.5)
        ratio = predicted.mean() / truth.mean()
        assert figures["calibration"] == pytest.approx(ratio, abs=1e-6)
        bins = np.array(figures["reliability"])
        assert bins[:, 2].sum() == 200
        error = bins[:, 2] @ abs(bins[:, 0] - bins[:, 1]) / 200
        assert figures["ece"] == pytest.approx(error)
        assert f"{task} on 200 rows, auc: {figures['auc']:.6f}, acc: " in done.log


def test_saved_metrics_have_rows_parameters_gates_and_versions(evaluated):
    _, found, _ = evaluated("mmoe", "runner.metrics=[auc]")
    assert (found["mode"], found["rows"], found["seed"]) == ("evaluate", 200, 12345)
    # Experts and gates in one product, then the towers' two layers.
    first = 499 * (8 * 16 + 2 * 8) + 8 * 16 + 2 * 8
    assert found["parameters"] == first + 2 * (16 * 8 + 8 + 8 * 2 + 2)
    assert found["seconds"] > 0
    assert found["environment"]["paddle"]
    assert set(found["gates"]) == {"income", "marital"}
    assert sum(found["gates"]["income"]) == pytest.approx(1, abs=1e-5)


def test_without_runner_metrics_nothing_more_is_logged(evaluated):
    done, found, _ = evaluated("mmoe")
    assert found["epochs"]["0"]["tasks"] == {}
    assert " rows, " not in done.log
    assert "auc_income: " in done.log


def test_training_saves_metrics_too(run_command, tmp_path):
    path, output = tmp_path / "deep" / "train.json", tmp_path / "output"
    options = [f"runner.model_save_path={output}", f"runner.save_metrics={path}"]
    config = f"{FOLDER}/share_bottom/config.yaml"
    done = run_command("trainer", "-m", config, "-o", "runner.epochs=2", *options)
    assert done.code == 0, done.stderr
    found = json.loads(path.read_text(encoding="utf-8"))
    assert (found["mode"], found["rows"]) == ("train", 800)
    assert sorted(found["epochs"]) == ["0", "1"]
    assert 0 < found["epochs"]["1"]["metrics"]["auc_income"] <= 1
    assert found["gates"] is None


def test_a_task_may_count_only_some_rows(evaluated):
    _, found, table = evaluated("esmm", "runner.metrics=[auc,ece]")
    path = f"{DATASETS}/ali_ccp/sample_data/test/test_data.txt"
    with open(path, encoding="utf-8") as file:
        click, buy = np.array([line.split(",")[1:3] for line in file]).astype(int).T
    tasks = found["epochs"]["0"]["tasks"]
    assert tasks["ctr"]["rows"] == len(click)
    assert tasks["cvr"]["rows"] == click.sum()
    clicked = click == 1
    expected = roc_auc_score(buy[clicked], table["cvr"][clicked])
    assert tasks["cvr"]["auc"] == pytest.approx(expected, abs=1e-9)


def test_tasks_of_ten_classes_have_no_auc_and_a_warning(evaluated):
    done, found, table = evaluated("dselect_k", f"runner.metrics={BINARY}")
    figures = found["epochs"]["0"]["tasks"]["left"]
    assert "no task has auc; the tasks are left (multiclass), right (multiclass)" in done.stderr
    assert "auc" not in figures
    chosen = np.stack([table[f"left_{digit}"] for digit in range(10)], axis=1)
    assert figures["logloss"] > 0
    confident = chosen.max(axis=1).mean() / figures["acc"]
    assert figures["calibration"] == pytest.approx(confident, rel=1e-5)


@pytest.fixture
def own_table(tmp_path):
    """The YAML of a table with a column that is not a feature."""
    sample.write(tmp_path / "data", 1, (500, 300))
    rng = np.random.default_rng(0)
    for path in (tmp_path / "data" / part for part in sample.FILES):
        rows = list(csv.reader(path.read_text().splitlines()))
        people = ["person"] + [f"p{n}" if n else "" for n in rng.integers(0, 20, len(rows) - 1)]
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows([*row, one] for row, one in zip(rows, people))
    with open(f"{FOLDER}/mmoe/config_table.yaml", encoding="utf-8") as file:
        content = yaml.safe_load(file)
    content["runner"]["infer_start_epoch"] = 0
    content["runner"]["train_data_dir"] = str(tmp_path / "data" / "train_all")
    content["runner"]["test_data_dir"] = str(tmp_path / "data" / "test_all")
    return content


def test_gauc_and_slices_group_by_any_column_of_a_table(own_table, evaluated, tmp_path):
    folder = tmp_path / "mmoe"
    folder.mkdir()
    for name in ("dygraph_model.py", "static_model.py", "net.py", "table_reader.py"):
        (folder / name).symlink_to(f"{FOLDER}/mmoe/{name}")
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(own_table), encoding="utf-8")
    options = ["runner.metrics=[gauc]", "runner.gauc_column=person"]
    done, found, table = evaluated(None, *options, "runner.slice_by=person", yaml_path=path)
    assert done.code == 0, done.stderr
    with open(tmp_path / "data" / "test_all" / "test.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for task, figures in found["epochs"]["0"]["tasks"].items():
        aucs, weights = [], []
        for person in {row["person"] for row in rows} - {""}:
            own = [n for n, row in enumerate(rows) if row["person"] == person]
            truth = [int(rows[n][task]) for n in own]
            if len(set(truth)) == 2:
                aucs.append(roc_auc_score(truth, table[task][own]))
                weights.append(len(own))
        assert len(aucs) > 5
        assert figures["gauc_groups"] == len(aucs)
        assert figures["gauc"] == pytest.approx(np.average(aucs, weights=weights), abs=1e-9)
        sizes = Counter(row["person"] for row in rows)
        for person, of_person in figures["slices"]["values"].items():
            assert of_person["rows"] == sizes[person]
        assert figures["slices"]["rows_without_value"] == sizes[""]
    assert ", person = p" in done.log
    done, *_ = evaluated(None, options[0], "runner.gauc_column=persona", yaml_path=path)
    assert done.code == 2
    assert "there is no column persona among" in done.stderr


@pytest.mark.parametrize(
    ("model", "options", "problem"),
    [
        ("mmoe", ["runner.metrics=[auc,f2]"], "expected a list of auc, gauc, pr_auc"),
        ("mmoe", ["runner.metrics=[gauc]"], "gauc needs runner.gauc_column"),
        (
            "mmoe",
            ["runner.metrics=[gauc]", "runner.gauc_column=user"],
            "runner.gauc_column = 'user': it needs census_reader.RecDataset.groups: not defined",
        ),
        (
            "esmm",
            ["runner.metrics=[gauc]", "runner.gauc_column=user"],
            "expected a field of one id, 101, 121",
        ),
        (
            "mmoe",
            ["runner.metrics=[auc]", "runner.slice_by=user"],
            "runner.slice_by = 'user': it needs census_reader.RecDataset.groups: not defined",
        ),
        ("mmoe", ["runner.slice_by=user"], "it has no effect without runner.metrics"),
        (
            "mmoe",
            ["runner.metrics=[auc]", "runner.threshold=0.3"],
            "it has no effect without acc or precision or recall or f1 in runner.metrics",
        ),
        ("mmoe", ["runner.weighted_metrics=True"], "no effect without a metric in runner.metrics"),
        (
            "mmoe",
            ["runner.metrics=[auc]", "runner.weighted_metrics=True"],
            "no sample weights are declared; set hyper_parameters.table.sample_weight",
        ),
        ("mmoe", ["runner.save_metrics=metrics.txt"], "a file name that ends in .json"),
    ],
)
def test_bad_keys_are_one_line(model, options, problem, evaluated):
    done, *_ = evaluated(model, *options)
    assert done.code == 2
    assert problem in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_field_groups_rows_and_an_unknown_id_has_no_group(configure):
    config = configure("esmm")
    found = sources.evaluation_source(config).groups("101")
    path = f"{DATASETS}/ali_ccp/sample_data/test/test_data.txt"
    with open(path, encoding="utf-8") as file:
        fields = [dict(part.split(":") for part in line.split(",")[3:]) for line in file]
    expected = [int(field["101"]) or -1 for field in fields]
    assert found.tolist() == expected


def test_a_reader_of_rows_may_have_groups():
    class Rows:
        def groups(self, column):
            if column != "user":
                raise ValueError(f"no column {column}")
            return np.array([1, 1, 2])

    source = RowSource(Rows(), "my_reader", 2, None)
    assert source.groups("user").tolist() == [1, 1, 2]
    with pytest.raises(UserError, match="my_reader: no column item"):
        source.groups("item")


class Grouped:
    """A reader of rows with given groups."""

    def __init__(self, groups):
        self._groups = groups

    def __len__(self):
        return 3

    def groups(self, column):
        return self._groups


@pytest.mark.parametrize("batch_size", [2, None])
def test_groups_may_be_a_list(batch_size):
    found = RowSource(Grouped([1, 1, 2]), "my_reader", batch_size, None).groups("user")
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [1, 1, 2]


@pytest.mark.parametrize(
    ("groups", "problem"),
    [
        ([1, 2], r"an integer a row, 3 in all; found int64, shape \[2\]"),
        (["a", "b", "c"], r"an integer a row, 3 in all; found <U1, shape \[3\]"),
        (np.ones(3), r"found float64, shape \[3\]"),
        (np.ones((3, 1), int), r"found int64, shape \[3, 1\]"),
        (None, r"found object, shape \[\]"),
    ],
)
def test_groups_must_be_one_integer_for_each_row(groups, problem):
    source = RowSource(Grouped(groups), "my_reader", 2, None)
    with pytest.raises(UserError, match=rf"^my_reader: groups\('user'\): expected .*{problem}$"):
        source.groups("user")


def test_groups_must_be_those_of_the_rows_read():
    asked = TaskMetrics(["gauc"], 20, np.array([1, 1, 2]))
    rows = {"click": np.array([0, 1])}
    with pytest.raises(UserError, match="groups are for 3 rows, but it yielded 2"):
        asked.report("epoch: 0", {"click": np.array([0.2, 0.4])}, rows)
