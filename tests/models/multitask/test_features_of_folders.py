"""Every model folder with every kind of input: both graphs, resuming, exports."""

from functools import partial

import numpy as np
import pytest
from table_models import model_on_table
from trials import (
    assert_equal_states,
    exported_outputs,
    losses_from_one_start,
    resumed_and_whole,
)

SEEN = {"name": "seen", "separator": "|", "max_len": 4, "share": "item", "sequence": True}
FUNNEL = [  # ESMM's outputs
    {"name": "ctr", "label_column": 0},
    {"name": "cvr", "label_column": 1, "rows": "ctr"},
    {"name": "ctcvr", "label_column": 1},
]


def table(*sparse, dense=("age", "price"), **others):
    columns = ["city", "item", *sparse]
    return {"table": {"labels": ["click", "like"], "dense": [*dense], "sparse": columns, **others}}


# Kinds that do not touch each other share a model: each takes seconds for every folder.
KINDS = {
    "din, dcn_v2, periodic": {
        **table({**SEEN, "pooling": {"type": "din", "hidden": [4]}}),
        "bottom": {"type": "dcn_v2", "layers": 2, "rank": 3},
        "dense_embedding": {"type": "periodic", "size": 3},
    },
    "attention, masknet, piecewise_linear": {
        **table({**SEEN, "pooling": {"type": "attention", "heads": 1}}),
        "bottom": {"type": "masknet"},
        "dense_embedding": {"type": "piecewise_linear", "size": 3},
    },
    "gru, senet, autodis": {
        **table({**SEEN, "pooling": "gru"}),
        "bottom": "senet",
        "dense_embedding": {"type": "autodis", "size": 3},
    },
    "last, weights, fm, batch norm": {
        **table(
            {**SEEN, "pooling": "last"},
            {"name": "tags", "separator": "|", "max_len": 3, "weighted": True},
        ),
        "bottom": "fm",
        "dense_batch_norm": True,
    },
    "several hashes, times, vectors, rates, mlp": {
        **table(
            {"name": "user", "hash_buckets": 20, "hash_num": 2},
            {"name": "time", "derive": ["hour", "weekday"]},
            dense=("age", {"name": "picture", "vector": 3}),
            rates={"of": ["click"], "over": ["city"], "by": "day"},
        ),
        "bottom": {"type": "mlp", "hidden": [6]},
    },
}


def write_rows(path, rows, seed, first_day):
    random = np.random.default_rng(seed)
    path.parent.mkdir()
    lines = ["click,like,age,price,city,item,seen,tags,user,time,picture,day"]
    for row in range(rows):
        click, like = random.integers(0, 2, 2)
        seen = "|".join(random.choice(list("pqrs"), random.integers(0, 6)))
        tags = "|".join(f"{tag}:{random.random():.2f}" for tag in "xyz"[: random.integers(0, 4)])
        picture = " ".join(f"{number:.3f}" for number in random.normal(size=3))
        day = first_day + row % 3
        cells = [click, like, random.integers(18, 70), round(random.random(), 3)]
        cells += [random.choice(["a", "b"]), random.choice(list("pqrs")), seen, tags]
        cells += [f"u{random.integers(0, 30)}", f"2022-04-{day} {row % 24:02}:30:00", picture, day]
        lines.append(",".join(map(str, cells)))
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(params=KINDS)
def kind(request, tmp_path, folder):
    """Configurations of a folder with some kinds of inputs."""
    for name, rows, first_day in (("train", 50, 20), ("test", 20, 25)):
        write_rows(tmp_path / name / "rows.csv", rows, len(name), first_day)
    settings = {**KINDS[request.param], "sparse_gradients": False}
    if folder.name == "esmm":
        settings["tasks"] = FUNNEL
    return model_on_table(folder, tmp_path, settings, 3 if folder.name == "esmm" else 2)


def test_both_graphs_and_the_fast_step_take_the_same_steps(kind, tmp_path):
    variants = [("dygraph", []), ("dygraph", ["runner.fast_step=False"]), ("static", [])]
    written, by_autograd, static = losses_from_one_start(kind, tmp_path, variants)
    assert len(written) == 4
    assert np.isfinite(written).all()
    np.testing.assert_allclose(written, by_autograd, rtol=1e-4, atol=0)
    np.testing.assert_allclose(written, static, rtol=1e-4, atol=0)


def test_a_resumed_run_is_bit_equal_and_exports_give_the_outputs(kind):
    sparse = partial(kind, "hyper_parameters.sparse_gradients=True")
    assert_equal_states(*resumed_and_whole(sparse, "dygraph"))
    for engine, found, eager in exported_outputs(sparse):
        for task, output in eager.items():
            np.testing.assert_allclose(found[task], output, atol=1e-5, err_msg=f"{engine} {task}")
