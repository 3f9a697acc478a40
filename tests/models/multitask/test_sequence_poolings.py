"""A net with every pooling of sequences and weights: both graphs, resuming, exports, averages."""

from pathlib import Path

import numpy as np
import paddle
import pytest
from table_models import model_on_table
from trials import (
    assert_equal_states,
    exported_outputs,
    losses_from_one_start,
    resumed_and_whole,
)

MMOE = Path(__file__).parents[3] / "models" / "multitask" / "mmoe"
POOLINGS = {
    "last": "last",
    "dice": {"type": "din", "hidden": [5, 3]},
    "prelu": {"type": "din", "hidden": [5], "activation": "prelu", "softmax": True},
    "attention": {"type": "attention", "heads": 2, "layers": 2},
    "gru": "gru",
}


def sequences(*names):
    """The table with columns of histories of items, one a pooling, and of tags with weights."""
    history = {"separator": "|", "max_len": 4, "share": "item", "sequence": True}
    columns = [{**history, "name": name, "pooling": POOLINGS[name]} for name in names]
    tags = {"name": "tags", "separator": "|", "max_len": 2, "weighted": True}
    sparse = ["item", *columns, {**tags, "pooling": "sum"}, {**tags, "name": "more"}]
    return {"labels": ["click", "like"], "dense": ["age"], "sparse": sparse}


def write_rows(path, rows, seed):
    random = np.random.default_rng(seed)
    path.parent.mkdir()
    lines = [",".join(["click", "like", "age", "item", *POOLINGS, "tags", "more"])]
    for _ in range(rows):
        seen = ["|".join(random.choice([*"pqrs"], random.integers(0, 6))) for _ in POOLINGS]
        tags = ["|".join(f"{t}:{random.random():.2f}" for t in "xyz") for _ in range(2)]
        cells = [*random.integers(0, 2, 2), random.integers(18, 70), random.choice([*"pqrs"])]
        lines.append(",".join([*map(str, cells), *seen, *tags]))
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def make(tmp_path):
    for name, rows in (("train", 50), ("test", 20)):
        write_rows(tmp_path / name / "rows.csv", rows, len(name))
    settings = {"table": sequences(*POOLINGS), "embedding_size": 4}
    return model_on_table(MMOE, tmp_path, settings)


def test_both_graphs_and_the_fast_step_take_the_same_steps(make, tmp_path):
    variants = [("dygraph", []), ("dygraph", ["runner.fast_step=False"]), ("static", [])]
    sparse = ["hyper_parameters.sparse_gradients=False"]
    variants = [(graph, options + sparse) for graph, options in variants]
    written, by_autograd, static = losses_from_one_start(make, tmp_path, variants)
    np.testing.assert_allclose(written, by_autograd, rtol=1e-5, atol=0)
    np.testing.assert_allclose(written, static, rtol=1e-5, atol=0)


def test_a_resumed_run_is_bit_equal_and_exports_give_the_outputs(make):
    resumed, whole = resumed_and_whole(make, "dygraph")
    assert_equal_states(resumed, whole)
    averages = [name for name in whole if ".activations." in name and "mean" in name]
    assert len(averages) == 2
    assert all(np.abs(whole[name]).min() > 0 for name in averages)
    for engine, found, eager in exported_outputs(make):
        for task, output in eager.items():
            np.testing.assert_allclose(found[task], output, atol=1e-5, err_msg=engine)


@pytest.mark.skipif(
    paddle.__version__.startswith("2."),
    reason="on Paddle 2.6 a resumed static run with Dice differs from a whole one by 2e-5",
)
def test_static_graph_keeps_dices_averages_and_resumes(make):
    resumed, whole = resumed_and_whole(make, "static")
    assert_equal_states(resumed, whole)
    averages = [name for name in whole if name.startswith("dice_") and name.endswith(".w_1")]
    assert len(averages) == 2
    assert all(np.abs(whole[name]).min() > 0 for name in averages)
