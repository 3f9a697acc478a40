"""Exports of tasks of all types: predictions, names, metrics and rows without labels."""

import csv
import importlib.util
import json
import re

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from engine import commands
from engine.config.load import load_config
from engine.data import encoding
from engine.deployment.exported_model import model_files
from engine.model_folder import loading

pytest.importorskip("pyarrow", exc_type=ImportError)

TASKS = (
    "[{name: click, label_column: 0}, "
    "{name: watch, label_column: 1, type: regression, loss: huber, transform: [log1p, standardize],"
    " rows: click, sample_weight: w}, "
    "{name: rating, label_column: 2, type: multiclass, classes: ['so, so', 好]}, "
    "{name: visits, label_column: 3, type: count}, "
    "{name: spent, label_column: 3, type: regression, loss: ziln}, "
    "{name: odds, label_column: 3, type: regression, loss: weighted_logistic}, "
    "{name: level, label_column: 3, type: regression, loss: {name: ordinal, thresholds: [1, 3]}}]"
)
OF_VISITS = ["visits", "spent", "odds", "level"]  # tasks with the same label column
TYPES = ["binary", "regression", "multiclass", "count", *["regression"] * 3]
COLUMNS = ["click", "watch", "rating_so, so", "rating_好", *OF_VISITS]
FEATURES, LABELS = ["age", "city"], ["click", "watch", "rating", "visits", "w"]


def table(rows, seed):
    """Columns of a table; a fifth of the labels is missing."""
    random = np.random.default_rng(seed)
    age = random.normal(30, 5, rows).round(2)
    columns = {
        "age": age,
        "city": random.choice(["a", "b", "c"], rows),
        "click": random.integers(0, 2, rows),
        "watch": (random.exponential(30, rows) + age).round(3),
        "rating": random.choice(["so, so", "好"], rows),
        "visits": random.poisson(2, rows),
        "w": random.choice([0.5, 1, 2], rows),
    }
    texts = {name: values.astype(object) for name, values in columns.items()}
    for name in ("click", "watch", "rating", "visits"):
        texts[name][random.random(rows) < 0.2] = ""
    return texts


def write(path, columns, names):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(zip(*(columns[name] for name in names)))


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    """Trains MMoE on a table in both graphs; returns the command line, the test rows and files."""
    root = tmp_path_factory.mktemp("typed")
    test = table(40, 1)
    write(root / "train" / "a.csv", table(60, 0), [*FEATURES, *LABELS])
    write(root / "test" / "a.csv", test, [*FEATURES, *LABELS])
    write(root / "some" / "a.csv", test, [*FEATURES, "click", "watch", "visits"])
    write(root / "some" / "b.csv", test, FEATURES)
    write(root / "none" / "a.csv", test, FEATURES)
    yaml = f"{loading.REPOSITORY}/models/multitask/mmoe/config_table.yaml"

    def options(graph, data="test"):
        return [
            f"runner.train_data_dir={root / 'train'}",
            f"runner.test_data_dir={root / data}",
            f"runner.model_save_path={root / graph}",
            f"runner.infer_load_path={root / graph}",
            *("runner.epochs=1", "runner.infer_start_epoch=0", "runner.infer_end_epoch=1"),
            *("runner.train_batch_size=16", f"runner.use_inference={graph == 'static'}"),
            *("hyper_parameters.gate_num=7", f"hyper_parameters.tasks={TASKS}"),
            "hyper_parameters.table.labels=[click,watch,rating,visits]",
            *("hyper_parameters.table.dense=[age]", "hyper_parameters.table.sparse=[city]"),
        ]

    for graph in ("dygraph", "static"):
        config = load_config(yaml, options(graph), loading.hyper_parameters)
        commands.train(encoding.complete_config(config, None, graph), graph)

    return root, test, lambda *arguments: ["-m", yaml, "-o", *options(*arguments)]


@pytest.fixture
def run(run_command):
    """Runs a command that must succeed; returns what it printed and logged."""

    def run(name, arguments, *more):
        done = run_command(name, *arguments, *more)
        assert done.code == 0, done.stderr
        return done

    return run


def read(path):
    """Returns a CSV's columns by name."""
    with open(path, encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    return dict(zip(names, np.array(rows, "float64").T))


def printed(stdout):
    """Returns the metrics that paddle_infer.py prints, by task."""
    lines = re.findall(r"^(\w+): ((?:auc|mae|accuracy) .*)$", stdout, re.MULTILINE)
    return {
        task: {
            name.strip(): float(value) for name, value in re.findall(r"([a-z ]+) ([-\d.]+)", text)
        }
        for task, text in lines
    }


def expected_metrics(test, columns):
    """Each task's metrics over the rows with a label, by scikit-learn, and XAUC by all pairs."""
    found = {}
    clicked = test["click"] == 1
    click = test["click"] != ""
    truth, p = test["click"][click].astype(int), columns["click"][click]
    found["click"] = {"auc": roc_auc_score(truth, p), "log loss": log_loss(truth, p)}
    visited = test["visits"] != ""
    numbers = [("watch", "watch", clicked & (test["watch"] != ""))]
    for task, column, rows in [*numbers, *((task, "visits", visited) for task in OF_VISITS)]:
        truth, p = test[column][rows].astype(float), columns[task][rows]
        later, earlier = np.nonzero(truth[:, None] > truth[None, :])
        ordered = np.where(p[later] == p[earlier], 0.5, p[later] > p[earlier]).mean()
        found[task] = {"mae": np.abs(truth - p).mean(), "xauc": ordered}
    rated = test["rating"] != ""
    truth = (test["rating"][rated] == "好").astype(int)
    p = np.stack([columns[name][rated] for name in COLUMNS[2:4]], axis=1)
    loss = log_loss(truth, p / p.sum(axis=1, keepdims=True))
    found["rating"] = {"accuracy": accuracy_score(truth, p.argmax(axis=1)), "log loss": loss}
    return found


@pytest.mark.parametrize("graph", ["dygraph", "static"])
def test_exports_predict_what_infer_predicts(typed, run, tmp_path, graph):
    """In both graphs and, in dygraph, as ONNX; the report has the metrics that are printed."""
    root, test, arguments = typed
    engines = ["paddle"]
    if graph == "dygraph":
        has_onnx = importlib.util.find_spec("onnxruntime") and importlib.util.find_spec(
            "paddle2onnx"
        )
        engines += ["onnxruntime"] if has_onnx else []
        run("to_static", arguments(graph), *(["--format=onnx"] if has_onnx else []))
    command = {"dygraph": "infer", "static": "static_infer"}[graph]
    options = arguments(graph)
    run(command, options, f"runner.save_predictions={tmp_path / 'infer.csv'}")
    expected = read(tmp_path / "infer.csv")
    assert list(expected) == COLUMNS
    for engine in engines:
        path, report = tmp_path / f"{engine}.csv", tmp_path / "report.json"
        files = [f"--save_predictions={path}", f"--save_log_path={report}"]
        folder = [f"--model_dir={root / graph / '0'}", f"--engine={engine}", "--benchmark=True"]
        done = run("paddle_infer", options, *folder, *files, "--show=2")
        found = read(path)
        assert list(found) == COLUMNS
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-5, err_msg=name)
        metrics = expected_metrics(test, found)
        assert printed(done.stdout).keys() == metrics.keys()
        written = json.loads(report.read_text())["tasks"]
        for task, values in metrics.items():
            assert printed(done.stdout)[task] == pytest.approx(values, abs=2e-6), task
            kind, rows = written[task].pop("type"), written[task].pop("rows")
            assert written[task] == pytest.approx(values, abs=2e-6), task
        assert (kind, rows) == ("multiclass", (test["rating"] != "").sum())
    shown = done.stdout.splitlines()
    assert re.split("  +", shown[0].strip())[-2:] == ["level", "level label"]
    assert f"{test['rating'][0] or '-'}  " in shown[1]


def test_metadata_name_types_and_classes(typed):
    root, _, _ = typed
    rating = {"name": "rating", "type": "multiclass", "classes": ["so, so", "好"], "class_num": 2}
    for graph in ("dygraph", "static"):
        model = model_files.find(str(root / graph / "0"), engine="paddle")
        facts = {each["name"]: each for each in model.task_facts}
        assert list(facts) == ["click", "watch", "rating", *OF_VISITS]
        assert facts["rating"] == {**rating, "rows": None}
        assert [each["type"] for each in facts.values()] == TYPES
        assert facts["watch"]["rows"] == "click"
        assert [spec.shape for spec in model.outputs] == [(None, n) for n in (2, 1, 2, *[1] * 4)]


@pytest.mark.parametrize("command", ["infer", "static_infer", "paddle_infer"])
def test_rows_without_labels_are_predicted(typed, run, tmp_path, command):
    """Of two files one has some labels and one has none; then no file has any."""
    root, _, arguments = typed
    predicted = {}
    for data in ("test", "some", "none"):
        path = tmp_path / f"{data}.csv"
        options = arguments("static", data)
        if command == "paddle_infer":
            more = [f"--model_dir={root / 'static' / '0'}", f"--save_predictions={path}"]
        else:
            more = [f"runner.save_predictions={path}"]
        done = run(command, options, *more)
        missing = re.findall(r"task (\w+): no labels in the (?:test )?data: predicted", done.log)
        everywhere = [] if command == "paddle_infer" else ["click", "watch", "rating", *OF_VISITS]
        assert missing == {"test": [], "some": ["rating"], "none": everywhere}[data]
        predicted[data] = read(path)
        assert "nan" not in done.stdout
    for name, values in predicted["test"].items():
        np.testing.assert_allclose(predicted["some"][name], np.tile(values, 2), rtol=1e-6)
        np.testing.assert_allclose(predicted["none"][name], values, rtol=1e-6)


def test_a_yaml_with_other_labels_than_the_export_is_refused(typed, run_command):
    root, _, arguments = typed
    options = [each.replace("type: count", "type: regression") for each in arguments("static")]
    done = run_command("paddle_infer", *options, f"--model_dir={root / 'static' / '0'}")
    assert done.code == 2
    assert ": expected the model's tasks, [" in done.stderr.splitlines()[-1]
