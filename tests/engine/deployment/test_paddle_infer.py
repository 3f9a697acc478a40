"""tools/paddle_infer.py: what it predicts, what it prints and what it writes."""

import json
import re
from pathlib import Path

import numpy as np
import paddle
import pytest
from sklearn.metrics import log_loss

from engine.deployment.inference import comparison
from engine.deployment.predictors import paddle_predictor
from engine.model_folder import loading

FOLDER = Path(loading.REPOSITORY) / "models" / "multitask" / "share_bottom"
SAMPLE = Path(loading.REPOSITORY) / "datasets" / "census" / "sample_data"
TASKS = ["income", "marital"]
BLOCKS = ["runtime", "data", "model", "environment", "performance"]


@pytest.fixture
def infer(run_command, exports):
    """Runs paddle_infer.py on share_bottom's export and test data; returns what it printed."""

    def run(*options, how="to_static"):
        done = run_command(
            "paddle_infer",
            f"--model_file={exports(FOLDER, how).graph}",
            f"--data_dir={SAMPLE / 'test'}",
            f"--reader_file={FOLDER / 'census_reader.py'}",
            *options,
        )
        assert done.code == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def report(infer, tmp_path):
    """Runs paddle_infer.py and returns the report that it wrote."""

    def run(*options, **keywords):
        path = tmp_path / "reports" / "report.json"
        infer(f"--save_log_path={path}", *options, **keywords)
        return json.loads(path.read_text(encoding="utf-8"))

    return run


@pytest.fixture
def evaluated(run_command, trained, tmp_path):
    """What infer.py says of the same checkpoint and rows: predictions by task, and AUCs."""
    path = tmp_path / "evaluated.npy"
    options = [
        f"runner.infer_load_path={trained(FOLDER, 'dygraph').runner('model_save_path')}",
        "runner.infer_end_epoch=1",
        f"runner.save_predictions={path}",
    ]
    done = run_command("infer", "-m", FOLDER / "config.yaml", "-o", *options)
    assert done.code == 0, done.stderr
    aucs = re.search(r"done, auc_income: (\S+), auc_marital: ([\d.]+)", done.stderr)
    return np.load(path), [float(text) for text in aucs.groups()]


def labels():
    """The test data's income and marital, row by row."""
    rows = np.loadtxt(SAMPLE / "test/test_data.txt", delimiter=",", usecols=(1, 0), dtype=int)
    return dict(zip(TASKS, rows.T))


def read(path):
    """Names and columns of a saved table."""
    if path.suffix == ".npy":
        return TASKS, np.load(path)
    if path.suffix == ".parquet":
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(path)
        return table.column_names, np.stack([table[name].to_numpy() for name in TASKS], axis=1)
    names = path.read_text().splitlines()[0].split(",")
    return names, np.loadtxt(path, delimiter=",", skiprows=1)


def scores(stdout):
    """AUC and log loss as printed, by task."""
    found = re.findall(r"^(\w+): auc ([\d.]+), log loss ([\d.]+)$", stdout, re.MULTILINE)
    return {name: (float(auc), float(loss)) for name, auc, loss in found}


# Predictions


@pytest.mark.parametrize("ending", [".csv", ".npy", ".parquet"])
def test_every_row_is_predicted_as_infer_py_predicts_it(infer, evaluated, tmp_path, ending):
    """Batches of 7 rows leave a last one of 4 among the 200."""
    if ending == ".parquet":
        pytest.importorskip("pyarrow", exc_type=ImportError)
    path = tmp_path / "new" / f"predictions{ending}"
    stdout = infer("--batchsize=7", f"--save_predictions={path}")
    assert stdout.startswith("200 rows, ")
    names, table = read(path)
    assert names == TASKS
    expected, aucs = evaluated
    np.testing.assert_allclose(table, expected, rtol=0, atol=1e-6)
    found = scores(stdout)
    assert list(found) == TASKS
    for number, (name, truth) in enumerate(labels().items()):
        auc, loss = found[name]
        assert auc == pytest.approx(aucs[number], abs=1e-4)
        assert loss == pytest.approx(log_loss(truth, table[:, number]), abs=1e-5)


@pytest.mark.parametrize("size", [1, 200, 5000])
def test_the_batch_size_does_not_change_a_prediction(infer, evaluated, tmp_path, size):
    path = tmp_path / "predictions.npy"
    infer(f"--batchsize={size}", f"--save_predictions={path}")
    np.testing.assert_allclose(np.load(path), evaluated[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("limit", "rows"), [(1, 1), (8, 8), (10, 10), (1000, 200)])
def test_limit_takes_the_first_rows(infer, evaluated, tmp_path, limit, rows):
    """Batches of 5: the limit falls inside a batch, on its end and behind the data."""
    path = tmp_path / "predictions.npy"
    stdout = infer("--batchsize=5", f"--limit={limit}", f"--save_predictions={path}")
    assert stdout.startswith(f"{rows} rows, ")
    np.testing.assert_allclose(np.load(path), evaluated[0][:rows], rtol=0, atol=1e-6)


def test_repeat_predicts_every_row_once(infer, tmp_path):
    path = tmp_path / "predictions.npy"
    stdout = infer("--batchsize=64", "--warmup=7", "--repeat=3", f"--save_predictions={path}")
    assert stdout.startswith("200 rows, ")
    assert np.load(path).shape == (200, 2)


def test_show_prints_probabilities_beside_labels(infer, evaluated):
    lines = infer("--show=3", "--batchsize=2").splitlines()
    assert lines[0].split() == ["row", "income", "income", "label", "marital", "marital", "label"]
    truth = np.stack(list(labels().values()), axis=1)
    for row, line in enumerate(lines[1:4]):
        number, income, income_label, marital, marital_label = line.split()
        assert int(number) == row
        assert [int(income_label), int(marital_label)] == list(truth[row])
        np.testing.assert_allclose([float(income), float(marital)], evaluated[0][row], atol=1e-6)
    assert lines[4].startswith("200 rows, ")


def test_show_more_than_there_are_prints_all(infer):
    lines = infer("--show=1000", "--limit=4").splitlines()
    assert [line.split()[0] for line in lines[:5]] == ["row", "0", "1", "2", "3"]
    assert lines[5].startswith("4 rows, ")


# What runs


def test_a_yaml_gives_what_no_option_names(run_command, exports, evaluated, tmp_path):
    exported = exports(FOLDER, "to_static")
    root = exported.graph.rpartition("/")[0].rpartition("/")[0]
    path = tmp_path / "predictions.npy"
    options = [f"runner.model_save_path={root}", "runner.infer_end_epoch=1"]
    done = run_command(
        "paddle_infer", "-m", FOLDER / "config.yaml", f"--save_predictions={path}", "-o", *options
    )
    assert done.code == 0, done.stderr
    np.testing.assert_allclose(np.load(path), evaluated[0], rtol=0, atol=1e-6)


def test_a_yaml_of_tasks_in_another_order_is_refused(run_command, exports):
    """Its reader would yield the labels in that order, and each task be judged by the other's."""
    graph = exports(FOLDER, "to_static").graph
    tasks = "[{name: marital, label_column: 0}, {name: income, label_column: 1}]"
    options = ["-m", FOLDER / "config.yaml", "-o", f"hyper_parameters.tasks={tasks}"]
    done = run_command("paddle_infer", f"--model_file={graph}", *options)
    assert done.code == 2
    assert "the model was exported for [{'name': 'income'" in done.stderr


@pytest.mark.parametrize(
    ("options", "engine"),
    [
        ((), "ONNX Runtime"),
        (("--engine=onnxruntime",), "ONNX Runtime"),
        (("--engine=paddle",), "Paddle Inference"),
    ],
)
def test_of_a_folder_the_fastest_format_is_taken(infer, exports, run_command, options, engine):
    pytest.importorskip("onnxruntime")
    folder = exports(FOLDER, "onnx").graph.rpartition("/")[0]
    done = run_command(
        "paddle_infer",
        f"--model_dir={folder}",
        f"--data_dir={SAMPLE / 'test'}",
        f"--reader_file={FOLDER / 'census_reader.py'}",
        *options,
    )
    assert done.code == 0, done.stderr
    assert f"engine {engine} " in done.stdout


@pytest.mark.parametrize("how", ["to_static", "static", "onnx"])
def test_onnx_runtime_predicts_the_same(infer, tmp_path, how):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("paddle2onnx")
    tables = []
    for engine in ("onnxruntime", "paddle"):
        path = tmp_path / f"{engine}.npy"
        kind = "to_static" if (how, engine) == ("onnx", "paddle") else how
        stdout = infer(f"--engine={engine}", f"--save_predictions={path}", how=kind)
        assert f"engine {'ONNX Runtime' if engine == 'onnxruntime' else 'Paddle'}" in stdout
        tables.append(np.load(path))
    np.testing.assert_allclose(*tables, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("option", "on"), [("True", True), ("False", False), (None, False)])
def test_onednn_runs_if_asked_for_and_not_otherwise(report, monkeypatch, option, on):
    """Paddle has it on by default; what counts is the configuration that the predictor got."""
    configs = []
    create = paddle_predictor.inference.create_predictor

    def recorded(config):
        configs.append(config)
        return create(config)

    monkeypatch.setattr(paddle_predictor.inference, "create_predictor", recorded)
    options = [f"--enable_mkldnn={option}"] if option else []
    assert report(*options)["runtime"]["oneDNN"] is on
    assert [config.mkldnn_enabled() for config in configs] == [on]


def test_onednn_changes_no_prediction(infer, tmp_path, evaluated):
    path = tmp_path / "predictions.npy"
    infer("--enable_mkldnn=True", "--batchsize=64", f"--save_predictions={path}")
    np.testing.assert_allclose(np.load(path), evaluated[0], rtol=0, atol=1e-5)


def test_threads_are_those_asked_for(report):
    assert report("--cpu_threads=2")["runtime"]["CPU threads"] == 2
    assert report()["runtime"]["CPU threads"] == 1


# The report


@pytest.mark.parametrize("engine", ["paddle", "onnxruntime"])
def test_the_report_says_what_ran(report, exports, engine):
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("paddle2onnx")
    options = ["--batchsize=64", "--warmup=3", "--repeat=2", "--model_name=mine"]
    blocks = report(f"--engine={engine}", *options)
    assert list(blocks) == BLOCKS
    name = {"paddle": "Paddle Inference", "onnxruntime": "ONNX Runtime"}[engine]
    assert blocks["runtime"]["engine"].startswith(name)
    assert blocks["runtime"]["device"] == "cpu"
    assert blocks["runtime"]["precision"] == "fp32"
    assert blocks["data"]["rows"] == 200
    assert blocks["data"]["batch_size"] == 64
    assert blocks["data"]["inputs"].keys() == {"input"}
    model = exports(FOLDER, "to_static")
    assert blocks["model"]["model_name"] == "mine"
    assert blocks["model"]["files"] == [model.graph, model.parameters]
    assert list(blocks["model"]["outputs"]) == TASKS
    assert blocks["model"]["checkpoint_sha256"] == model.about["source"]["sha256"]
    environment = blocks["environment"]
    assert environment["paddle"] == paddle.__version__
    assert environment["processor"]
    assert environment["memory(MB)"] > 0


def test_the_reports_figures_fit_each_other(report):
    blocks = report("--batchsize=64", "--warmup=3", "--repeat=2")
    figures = blocks["performance"]
    assert figures["warmup_batches"] == 3
    assert figures["passes"] == 2
    phases = [figures[f"{phase}_time(ms)"] for phase in ("preprocess", "inference", "postprocess")]
    batch = figures["batch_time(ms)"]
    for summary in (*phases, batch):
        assert list(summary) == ["mean", "p50", "p90", "p99"]
        assert 0 < summary["p50"] <= summary["p90"] <= summary["p99"]
    assert batch["mean"] == pytest.approx(sum(phase["mean"] for phase in phases), abs=1e-3)
    batches = 2 * 4  # 200 rows in 64s, twice
    assert figures["total_time(s)"] == pytest.approx(batches * batch["mean"] / 1e3, abs=2e-4)
    speed = 2 * 200 / (batches * batch["mean"] / 1e3)
    assert figures["rows/s"] == pytest.approx(speed, rel=1e-2)
    assert figures["cpu_rss(MB)"] > 0
    assert "gpu_rss(MB)" not in figures


def test_the_report_is_printed_if_asked_for(infer):
    lines = infer("--benchmark=True", "--model_name=mine").splitlines()
    titles = [line.strip("- ") for line in lines if line.startswith("-----")]
    assert titles == BLOCKS
    assert "model_name: mine" in lines
    assert "batch_size: 1" in lines
    assert any(
        re.match(r"inference_time\(ms\): mean: [\d.]+, p50: [\d.]+, ", line) for line in lines
    )
    assert "-----" not in infer()


# The comparison


@pytest.fixture
def hurried(monkeypatch):
    """Times each runner for a moment only: what is promised here is the table."""
    monkeypatch.setattr(comparison, "_SECONDS", 0.01)


def table(stdout):
    """The comparison's rows, as (batch, runner, difference, whether it is marked)."""
    found = re.findall(
        r"^ +(\d+)  (\S.*?) +([\d.]+) +([\d.]+) +(\d+) +(\de[-+]\d\d)(  <- fastest)?$",
        stdout,
        re.MULTILINE,
    )
    return [(int(row[0]), row[1], float(row[5]), bool(row[6])) for row in found]


def test_compare_prints_a_row_for_each_runner_and_marks_the_fastest(infer, hurried):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("paddle2onnx")
    rows = table(infer("--compare", "--batchsize=4", "--warmup=1"))
    assert {size for size, *_ in rows} == {4}
    runners = [name.partition(" thread")[0] for _, name, *_ in rows]
    assert {"Paddle, 1", "Paddle, oneDNN, 1", "ONNX Runtime, 1"} <= set(runners)
    assert len(set(runners)) == len(runners)
    assert sum(marked for *_, marked in rows) == 1
    assert all(difference <= 1e-5 for *_, difference, marked in rows if marked)


def test_compare_takes_three_sizes_unless_one_is_named(infer, hurried):
    rows = table(infer("--compare", "--warmup=0"))
    assert sorted({size for size, *_ in rows}) == [1, 32, 1024]
    for size in (1, 32, 1024):
        assert sum(marked for found, *_, marked in rows if found == size) == 1


@pytest.mark.skipif(paddle.is_compiled_with_cuda(), reason="this Paddle is built for the GPU")
def test_compare_says_what_this_machine_has_not(run_command, exports, hurried):
    done = run_command(
        "paddle_infer",
        f"--model_file={exports(FOLDER, 'to_static').graph}",
        f"--data_dir={SAMPLE / 'test'}",
        f"--reader_file={FOLDER / 'census_reader.py'}",
        "--compare",
        "--batchsize=4",
        "--warmup=0",
    )
    assert done.code == 0
    for name in ("Paddle, GPU", "Paddle, GPU fp16", "Paddle, TensorRT", "Paddle, TensorRT fp16"):
        assert f"not here: {name}: --use_gpu=True: this Paddle is built for the CPU" in done.stderr
