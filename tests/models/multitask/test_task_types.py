"""Every net with tasks of every type: on a table, and images for the nets that read them."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from table_models import model_on_table
from trials import (
    assert_equal_states,
    exported_outputs,
    losses_from_one_start,
    resumed_and_whole,
)

from engine.graphs.dygraph import DygraphSession
from engine.model_folder import loading
from engine.system.errors import UserError

TABLE = {
    "labels": ["click", "like", "rating", "watch", "visits", "spend"],
    "dense": ["age"],
    "sparse": ["city"],
    "sample_weight": "weight",
}
MIXED = [
    {"name": "click", "label_column": 0},
    {"name": "like", "label_column": 1, "loss": "focal", "positive_weight": 3},
    {"name": "rating", "label_column": 2, "type": "multiclass", "classes": ["bad", "fair", "good"]},
    {
        "name": "watch",
        "label_column": 3,
        "type": "regression",
        "loss": {"name": "huber", "delta": 0.7},
        "transform": ["log1p", "standardize"],
        "sample_weight": "watch_weight",
        "rows": "click",
    },
    {"name": "visits", "label_column": 4, "type": "count"},
    {"name": "spend", "label_column": 5, "type": "regression", "loss": "ziln"},
]
FUNNEL = [  # ESMM's outputs; the losses of binary tasks
    {"name": "ctr", "label_column": 0, "loss": "focal", "positive_weight": 3},
    {"name": "cvr", "label_column": 1, "rows": "ctr", "weight": 0.5},
    {"name": "ctcvr", "label_column": 1, "loss": {"name": "jrc", "alpha": 0.4}},
]
WIDTHS = {"click": 2, "like": 2, "rating": 3, "watch": 1, "visits": 1, "spend": 1}


def write_table(path, rows, seed):
    """Writes rows; a cell in five of a label is empty."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 70, rows)
    cells = {
        "age": age,
        "city": random.choice(["a", "b", "c"], rows),
        "click": random.integers(0, 2, rows),
        "like": random.integers(0, 2, rows),
        "rating": random.choice(["bad", "fair", "good"], rows),
        "watch": (age * random.exponential(1.0, rows)).round(2),
        "visits": random.poisson(age / 20),
        "spend": (random.exponential(9, rows) * random.integers(0, 2, rows)).round(2),
    }
    for name in TABLE["labels"]:
        absent = random.random(rows) < (0.2 if name != "click" else 0.0)
        cells[name] = np.where(absent, "", cells[name].astype(str))
    for name in ("weight", "watch_weight"):
        cells[name] = random.random(rows).round(3)
    path.parent.mkdir()
    lines = [",".join(cells), *(",".join(map(str, row)) for row in zip(*cells.values()))]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def on_table(tmp_path):
    """Returns configurations of any model folder for a small table of all labels."""
    for name, rows in (("train", 50), ("test", 20)):
        write_table(tmp_path / name / "rows.csv", rows, len(name))

    def make(folder, tasks):
        settings = {"table": TABLE, "tasks": tasks, "sparse_gradients": False}
        return model_on_table(folder, tmp_path, settings, len(tasks))

    return make


@pytest.fixture
def mixed(on_table, folder):
    """Configurations of a folder with tasks of all the types that it takes."""
    return on_table(folder, FUNNEL if folder.name == "esmm" else MIXED)


def test_both_graphs_and_the_fast_step_take_the_same_steps(mixed, tmp_path):
    variants = [("dygraph", []), ("dygraph", ["runner.fast_step=False"]), ("static", [])]
    written, by_autograd, static = losses_from_one_start(mixed, tmp_path, variants)
    assert len(written) == 4  # the last batch has two rows
    assert np.isfinite(written).all()
    np.testing.assert_allclose(written, by_autograd, rtol=1e-6, atol=0)
    np.testing.assert_allclose(written, static, rtol=1e-5, atol=0)


def test_a_resumed_run_is_bit_equal(mixed):
    dropping = partial(mixed, "hyper_parameters.dropout=0.2")
    assert_equal_states(*resumed_and_whole(dropping, "dygraph"))


@pytest.mark.parametrize("folder", ["mmoe"], indirect=True)
def test_a_resumed_run_of_static_graph_is_bit_equal(mixed):
    assert_equal_states(*resumed_and_whole(mixed, "static"))


def test_exports_give_the_outputs_of_the_net(mixed, folder):
    """Relative to 1 and more: spend is in its own unit."""
    for engine, found, eager in exported_outputs(mixed):
        assert found.keys() == eager.keys()
        for task, output in eager.items():
            assert output.shape == (20, WIDTHS.get(task, 2)), task
            allowed = 1e-5 * np.maximum(np.abs(output), 1)
            assert (np.abs(found[task] - output) <= allowed).all(), (engine, task)


def test_esmm_refuses_other_types_in_one_line(on_table):
    folder = Path(loading.REPOSITORY) / "models" / "multitask" / "esmm"
    tasks = [*FUNNEL[:2], {"name": "watch", "label_column": 3, "type": "regression"}]
    problem = "hyper_parameters.tasks: watch: type: ESMMLayer takes binary tasks only"
    with pytest.raises(UserError, match=f"{problem}, found regression"):
        DygraphSession(on_table(folder, tasks)())
