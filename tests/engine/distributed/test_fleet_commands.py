"""Evaluation by several processes, folders written for PaddleRec, and errors."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import paddle
import pytest
from fleet_runs import assert_same_lines, parse_log

from engine.checkpoints import formats
from engine.distributed import metric_counts, processes
from engine.distributed.processes import World
from engine.system.errors import UserError

FLEET = "runner.use_fleet=True"
CONTRACT = Path(__file__).resolve().parents[2] / "contract"


@pytest.mark.parametrize("batch", [20, 64])
def test_evaluation_by_two_processes_equals_one(launch, alone, model, tmp_path, batch):
    """With three batches one process is idle in the last step; with one batch it has no rows.

    Predictions keep the order of the rows.
    """
    yaml = model("mmoe", 57)
    output = f"runner.model_save_path={tmp_path / 'out'}"
    alone("trainer", "-m", yaml, "-o", output, "runner.epochs=1")
    found = []
    for name in ("two", "one"):
        options = [
            "-o",
            f"runner.infer_load_path={tmp_path / 'out'}",
            "runner.infer_end_epoch=1",
            f"runner.infer_batch_size={batch}",
            f"runner.save_predictions={tmp_path / name}.npy",
            "runner.metrics=[auc,logloss,ece]",
            f"runner.save_metrics={tmp_path / name}.json",
        ]
        if name == "one":
            found.append(alone("infer", "-m", yaml, *options))
            continue
        run = launch(2, "infer", "-m", yaml, *options, FLEET)
        assert run.end() == 0, run.log(0)
        assert not parse_log(run.log(1))
        found.append(run.log(0))
    two, one = (parse_log(log)[-1] for log in found)
    assert two == one
    measured = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("two", "one")]
    two, one = (found["epochs"]["0"]["tasks"] for found in measured)
    assert one["income"]["rows"] == 57
    assert two == one
    predictions = [np.load(tmp_path / f"{name}.npy") for name in ("two", "one")]
    assert len(predictions[0]) == 57
    np.testing.assert_array_equal(*predictions)


@pytest.mark.parametrize("name", ["multitask/escm2", "rank/dnn"])
def test_a_folder_written_for_paddlerec(launch, alone, tmp_path, name):
    """One has several tasks; the other has slots with a sparse embedding. Both use Paddle's AUC."""
    spec = importlib.util.spec_from_file_location("tiny_data", CONTRACT / "tiny_data.py")
    tiny_data = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tiny_data)
    root = tmp_path / "their_models"
    shutil.copytree(CONTRACT / "folders", root, ignore=shutil.ignore_patterns("__pycache__"))
    tiny_data.write(root / name, name)
    yaml, logs = root / name / "config.yaml", []
    for ranks, batch in ((2, 8), (1, 16)):
        options = [
            "-o",
            f"runner.model_save_path={tmp_path / str(ranks)}",
            f"runner.train_batch_size={batch}",
            "runner.epochs=2",
            "runner.print_interval=1",
        ]
        if ranks == 1:
            logs.append(alone("trainer", "-m", yaml, *options))
            continue
        run = launch(2, "trainer", "-m", yaml, *options, FLEET)
        assert run.end() == 0, run.log(0)
        logs.append(run.log(0))
    assert_same_lines(*logs, 1e-4)


def test_use_fleet_changes_nothing_for_one_process(alone, model, tmp_path):
    yaml = model("mmoe", 57)
    for name in ("True", "False"):
        options = [f"runner.model_save_path={tmp_path / name}", "runner.epochs=1"]
        alone("trainer", "-m", yaml, "-o", *options, f"runner.use_fleet={name}")
    one, two = (formats.read(str(tmp_path / n / "0" / "rec.pdparams")) for n in ("True", "False"))
    for name, value in one.items():
        np.testing.assert_array_equal(value, two[name], err_msg=name)


@pytest.mark.parametrize("name", ["static_trainer", "static_infer"])
def test_static_graph_is_an_error(alone, model, written, name):
    yaml = model("mmoe", 20)
    before = written()
    error = alone(name, "-m", yaml, "-o", FLEET, code=2).splitlines()[-1]
    assert error.startswith("error: -o: runner.use_fleet = True: Paddle's static graph does not")
    assert "paddle.distributed.launch" in error
    assert written() == before


@pytest.mark.parametrize("name", ["trainer", "infer"])
def test_several_processes_without_use_fleet_are_an_error(alone, model, monkeypatch, name):
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    error = alone(name, "-m", model("mmoe", 20), code=2).splitlines()[-1]
    assert error == (
        "error: this is one of 2 processes, and each would do the same work: set -o "
        "runner.use_fleet=True"
    )


class Two(World):
    """Two processes; the counts of the other one are given."""

    size = 2

    def __init__(self, other):
        self._other = other

    def all_reduce(self, arrays):
        return [one + two for one, two in zip(arrays, self._other)]


@pytest.mark.parametrize(
    "kind",
    [paddle.metric.Auc, paddle.metric.Precision, paddle.metric.Recall, paddle.metric.Accuracy],
)
def test_counts_of_metrics_are_summed(kind):
    random = np.random.default_rng(0)
    scores, labels = random.random((40, 1)), random.integers(0, 2, (40, 1))
    rows = [slice(0, 25), slice(25, 40), slice(0, 40)]
    metrics = [kind() for _ in rows]
    for metric, part in zip(metrics, rows):
        one, right = scores[part], labels[part]
        both = np.concatenate([1 - one, one], axis=1)
        if kind is paddle.metric.Accuracy:
            metric.update(metric.compute(paddle.to_tensor(both), paddle.to_tensor(right)))
        else:
            metric.update(both if kind is paddle.metric.Auc else one, right)
    first, second, total = metrics
    before = first.accumulate()
    others = [
        value
        for state in metric_counts.sum_over_ranks(World(), [second])
        for value in state.values()
    ]
    assert metric_counts.values_over_ranks(Two(others), [first]) == [total.accumulate()]
    assert first.accumulate() == before != total.accumulate()


def test_a_metric_that_cannot_be_summed_is_named():
    class Own(paddle.metric.Auc):
        pass

    message = metric_counts.unsupported_metrics([paddle.metric.Auc(), Own()], ["auc", "mine"])
    assert message.startswith("runner.use_fleet: mine (Own): cannot be summed over processes")


def test_the_state_of_a_metric_without_state_dict():
    """Its numbers, and no lists of lists of different lengths, from which NumPy makes no array."""
    metric = paddle.metric.Precision()
    metric.rows, metric.names, metric.batches = [1, 2], ["a"], [[1], [2, 3]]
    assert metric_counts.get_state(metric) == {"tp": 0, "fp": 0, "rows": [1, 2]}


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("PADDLE_TRAINERS_NUM", "two", "expected an integer of at least 1"),
        ("PADDLE_TRAINERS_NUM", "²", "expected an integer of at least 1"),
        ("PADDLE_TRAINERS_NUM", "0", "expected an integer of at least 1"),
        ("PADDLE_TRAINERS_NUM", "9" * 5000, "expected an integer of at least 1"),
        ("PADDLE_TRAINER_ID", "1.0", "expected an integer of at least 0"),
        ("PADDLE_TRAINER_ID", "-1", "expected an integer of at least 0"),
        ("PADDLE_TRAINER_ID", "2", "expected less than 2 processes"),
        ("PADDLE_LOCAL_RANK", "٣", "expected an integer of at least 0"),
        ("PADDLE_RANK_IN_NODE", "one", "expected an integer of at least 0"),
    ],
)
def test_wrong_variables_of_the_launcher(configure, monkeypatch, name, value, problem):
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError) as caught:
        processes.start(configure("mmoe", FLEET), "dygraph")
    assert str(caught.value) == f"{name} = {value:.40}: {problem}"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("a:1", " has 1 endpoints: expected 2, one for each process"),
        ("a:1,b:x", ": expected host:port, found 'b:x'"),
        ("a:1,b:²", ": expected host:port, found 'b:²'"),
        ("a:1,a:1", ": a:1 is listed twice"),
    ],
)
def test_wrong_endpoints_of_the_launcher(configure, monkeypatch, value, problem):
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    monkeypatch.setenv("PADDLE_TRAINER_ENDPOINTS", value)
    with pytest.raises(UserError) as caught:
        processes.start(configure("mmoe", FLEET), "dygraph")
    assert str(caught.value) == f"PADDLE_TRAINER_ENDPOINTS{problem}"
