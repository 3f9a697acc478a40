"""Evaluation in parts, folders of PaddleRec's form, and what is refused."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import paddle
import pytest
from fleet_runs import same_lines, told

from engine.checkpoints import formats
from engine.distributed import metric_counts
from engine.distributed.processes import World

FLEET = "runner.use_fleet=True"
CONTRACT = Path(__file__).resolve().parents[2] / "contract"


@pytest.mark.parametrize("batch", [20, 64])
def test_evaluation_in_parts_is_exact(launch, alone, model, tmp_path, batch):
    """The last of three batches leaves one process idle, a single one leaves it without any.

    Predictions stay in the rows' order.
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
        assert not told(run.log(1))
        found.append(run.log(0))
    two, one = (told(log)[-1] for log in found)
    assert two == one
    measured = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("two", "one")]
    two, one = (found["epochs"]["0"]["tasks"] for found in measured)
    assert one["income"]["rows"] == 57
    assert two == one
    predictions = [np.load(tmp_path / f"{name}.npy") for name in ("two", "one")]
    assert len(predictions[0]) == 57
    np.testing.assert_array_equal(*predictions)


@pytest.mark.parametrize("name", ["multitask/escm2", "rank/dnn"])
def test_a_folder_of_paddlerecs_form(launch, alone, tmp_path, name):
    """Of several tasks, and of rows of slots with a sparse embedding; Paddle's AUC of each."""
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
    same_lines(*logs, 1e-4)


def test_a_world_of_one_trains_as_without(alone, model, tmp_path):
    yaml = model("mmoe", 57)
    for name in ("True", "False"):
        options = [f"runner.model_save_path={tmp_path / name}", "runner.epochs=1"]
        alone("trainer", "-m", yaml, "-o", *options, f"runner.use_fleet={name}")
    one, two = (formats.read(str(tmp_path / n / "0" / "rec.pdparams")) for n in ("True", "False"))
    for name, value in one.items():
        np.testing.assert_array_equal(value, two[name], err_msg=name)


@pytest.mark.parametrize("name", ["static_trainer", "static_infer"])
def test_static_graph_is_refused(alone, model, written, name):
    yaml = model("mmoe", 20)
    before = written()
    error = alone(name, "-m", yaml, "-o", FLEET, code=2).splitlines()[-1]
    assert error.startswith("error: -o: runner.use_fleet = True: Paddle's static graph does not")
    assert "paddle.distributed.launch" in error
    assert written() == before


@pytest.mark.parametrize("name", ["trainer", "infer"])
def test_processes_that_know_nothing_of_each_other_are_refused(alone, model, monkeypatch, name):
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    error = alone(name, "-m", model("mmoe", 20), code=2).splitlines()[-1]
    assert error == (
        "error: this is one of 2 processes, which would all train the same: set -o "
        "runner.use_fleet=True"
    )


class Two(World):
    """Two processes, one of which has counted what it is given."""

    size = 2

    def __init__(self, other):
        self._other = other

    def all_reduce(self, arrays):
        return [one + two for one, two in zip(arrays, self._other)]


@pytest.mark.parametrize(
    "kind",
    [paddle.metric.Auc, paddle.metric.Precision, paddle.metric.Recall, paddle.metric.Accuracy],
)
def test_what_metrics_count_is_added_up(kind):
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
    first, second, whole = metrics
    before = first.accumulate()
    others = [
        value for state in metric_counts.summed(World(), [second]) for value in state.values()
    ]
    assert metric_counts.values(Two(others), [first]) == [whole.accumulate()]
    assert first.accumulate() == before != whole.accumulate()


def test_a_metric_that_cannot_be_added_up_is_named():
    class Own(paddle.metric.Auc):
        pass

    assert metric_counts.not_summable([paddle.metric.Auc(), Own()], ["auc", "mine"]).startswith(
        "runner.use_fleet: mine (Own): what it counts is not known"
    )
