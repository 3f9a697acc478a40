"""tools/paddle_infer.py: its predictions, its output and its files."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import log_loss

from engine import commands
from engine.config.load import load_config
from engine.model_folder import loading

FOLDER = Path(loading.REPOSITORY) / "models" / "multitask" / "share_bottom"
SAMPLE = Path(loading.REPOSITORY) / "datasets" / "census" / "sample_data"

TASKS = ["income", "marital"]


@pytest.fixture(scope="session")
def evaluated(trained, tmp_path_factory):
    """Evaluates the same checkpoint on the same rows; returns predictions by task, and AUCs."""
    path = tmp_path_factory.mktemp("evaluated") / "predictions.npy"
    options = [
        f"runner.infer_load_path={trained(FOLDER, 'dygraph').runner('model_save_path')}",
        "runner.infer_end_epoch=1",
        "runner.infer_batch_size=50",
        f"runner.save_predictions={path}",
    ]
    config = load_config(str(FOLDER / "config.yaml"), options, loading.hyper_parameters)
    aucs = commands.evaluate(config, "dygraph").metrics[0]
    return np.load(path), [aucs[f"auc_{task}"] for task in TASKS]


def labels():
    """Returns the labels of the test data by task."""
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


@pytest.mark.parametrize("ending", [".csv", ".npy", ".parquet"])
def test_predictions_equal_those_of_infer_py(infer, evaluated, tmp_path, ending):
    """With batches of 7 rows, the last of the 200 rows are a batch of 4."""
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


def test_missing_options_come_from_the_yaml(run_command, exports, evaluated, tmp_path):
    exported = exports(FOLDER, "to_static")
    root = exported.graph.rpartition("/")[0].rpartition("/")[0]
    path = tmp_path / "predictions.npy"
    options = [f"runner.model_save_path={root}", "runner.infer_end_epoch=1"]
    done = run_command(
        "paddle_infer", "-m", FOLDER / "config.yaml", f"--save_predictions={path}", "-o", *options
    )
    assert done.code == 0, done.stderr
    np.testing.assert_allclose(np.load(path), evaluated[0], rtol=0, atol=1e-6)


def test_a_yaml_of_tasks_in_another_order_gives_each_task_its_own_labels(run_command, exports):
    """The reader yields the labels in the YAML's order."""
    options = [f"--model_file={exports(FOLDER, 'to_static').graph}", "-m", FOLDER / "config.yaml"]
    tasks = "[{name: marital, label_column: 0}, {name: income, label_column: 1}]"
    done = [
        run_command("paddle_infer", *options, *more)
        for more in ((), ("-o", f"hyper_parameters.tasks={tasks}"))
    ]
    assert [each.code for each in done] == [0, 0], done
    expected, found = (sorted(each.stdout.splitlines()[1:]) for each in done)
    assert len(expected) == 2
    assert found == expected


@pytest.mark.parametrize(
    ("options", "engine"),
    [
        ((), "ONNX Runtime"),
        (("--engine=onnxruntime",), "ONNX Runtime"),
        (("--engine=paddle",), "Paddle Inference"),
    ],
)
def test_the_fastest_format_in_a_folder_is_preferred(infer, exports, run_command, options, engine):
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


@pytest.mark.parametrize("how", ["to_static", "onnx"])
def test_onnx_runtime_predicts_the_same(infer, evaluated, tmp_path, how):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("paddle2onnx")
    path = tmp_path / "predictions.npy"
    stdout = infer("--engine=onnxruntime", f"--save_predictions={path}", how=how)
    assert "engine ONNX Runtime" in stdout
    np.testing.assert_allclose(np.load(path), evaluated[0], rtol=0, atol=1e-5)


def test_onednn_changes_no_prediction(infer, tmp_path, evaluated):
    path = tmp_path / "predictions.npy"
    infer("--enable_mkldnn=True", "--batchsize=64", f"--save_predictions={path}")
    np.testing.assert_allclose(np.load(path), evaluated[0], rtol=0, atol=1e-5)
