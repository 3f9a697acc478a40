"""Nets behind embeddings and batch normalisation of dense numbers, on the samples of the models."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from table_models import model_on_table
from trials import assert_equal_states, exported_outputs, losses_from_one_start, resumed_and_whole

from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.training import loop

FOLDER = Path(__file__).resolve().parents[3] / "models" / "multitask" / "mmoe"
EMBEDDING = "hyper_parameters.dense_embedding"
NORM = "hyper_parameters.dense_batch_norm=True"
OPTIONS = {
    "periodic": [f"{EMBEDDING}={{type: periodic, size: 4, frequencies: 6}}", NORM],
    "lite": [f"{EMBEDDING}={{type: periodic, lite: True}}"],
    "bins": [f"{EMBEDDING}={{type: piecewise_linear, bins: 5}}"],
    "autodis": [f"{EMBEDDING}=autodis"],
    "norm": [NORM],
}


@pytest.mark.parametrize("name", OPTIONS)
def test_both_graphs_and_the_fast_step_take_the_same_steps(name, configure, tmp_path):
    """Of census's 499 features the first eleven are dense numbers, and the others pass."""
    make = partial(configure, "mmoe", *OPTIONS[name], "runner.train_batch_size=32")
    variants = [("dygraph", []), ("dygraph", ["runner.fast_step=False"]), ("static", [])]
    written, by_autograd, static = losses_from_one_start(make, tmp_path, variants)
    np.testing.assert_allclose(written, by_autograd, rtol=0, atol=2e-5)
    np.testing.assert_allclose(written, static, rtol=0, atol=5e-5)
    assert written[-5:].mean() < written[0]


@pytest.mark.parametrize("name", ["periodic", "bins", "autodis"])
def test_exports_give_the_outputs_of_the_net(name, configure):
    for engine, found, eager in exported_outputs(partial(configure, "mmoe", *OPTIONS[name])):
        for task, output in eager.items():
            np.testing.assert_allclose(found[task], output, rtol=0, atol=1e-5, err_msg=engine)


@pytest.mark.parametrize("graph", ["dygraph", "static"])
def test_a_resumed_run_is_bit_equal(configure, graph):
    make = partial(configure, "mmoe", *OPTIONS["periodic"], "runner.train_batch_size=128")
    resumed, whole = resumed_and_whole(make, graph)
    assert_equal_states(resumed, whole)
    if graph == "dygraph":  # static graph names parameters otherwise
        assert (whole["inputs.dense_layers.0.variance"] != 1).all()


@pytest.mark.parametrize("command", ["infer", "static_infer"])
def test_a_checkpoint_is_read_with_its_own_embedding_only(configure, run_command, command):
    trained = configure("mmoe", *OPTIONS["periodic"], "runner.epochs=1")
    loop.train(DygraphSession(trained), trained, sources.training_source(trained))
    folder = trained.runner("model_save_path")
    run = partial(run_command, command, "-m", trained.yaml_path, "-o")
    options = [f"runner.infer_load_path={folder}", "runner.infer_end_epoch=1"]
    assert (
        run(*OPTIONS["periodic"], "hyper_parameters.dense_embedding.sigma=0.1", *options).code == 0
    )
    done = run(*OPTIONS["periodic"], "hyper_parameters.dense_embedding.frequencies=7", *options)
    assert done.code == 2
    last = done.log.splitlines()[-1]
    assert re.match(r'error: .*dense_embedding.*"frequencies": 6.*"frequencies": 7', last)


TABLE = {
    "labels": ["click", "like"],
    "dense": [
        "price",
        {"name": "born", "derive": ["age"], "until": "seen"},
        {"name": "emb", "vector": 3, "fill": 0},
    ],
    "sparse": [
        {"name": "seen", "derive": ["hour", "weekday"], "timezone": "Asia/Shanghai"},
        "city",
    ],
}


def write_rows(path, rows, seed):
    random = np.random.default_rng(seed)
    path.parent.mkdir()
    lines = ["click,like,price,born,seen,emb,city"]
    for row in range(rows):
        day, hour = random.integers(1, 29), random.integers(0, 24)
        emb = "" if row % 9 == 0 else " ".join(map(str, random.normal(size=3).round(3)))
        born = f"{random.integers(1950, 2010)}-0{random.integers(1, 10)}-{day:02d}"
        click, like = random.integers(0, 2, 2)
        price, city = round(random.random(), 3), random.choice(["a", "b"])
        seen = f"2024-02-{day:02d} {hour:02d}:30:00Z"
        lines.append(f"{click},{like},{price},{born},{seen},{emb},{city}")
    path.write_text("\n".join(lines) + "\n")


def test_a_table_of_times_and_vectors_trains_resumes_and_exports(tmp_path):
    """Dense numbers beside sparse fields: price, an age and three of a vector are embedded."""
    for name, rows in (("train", 50), ("test", 20)):
        write_rows(tmp_path / name / "rows.csv", rows, len(name))
    settings = {"table": TABLE, "dense_embedding": {"type": "periodic", "size": 2}}
    settings.update(dense_batch_norm=True, sparse_gradients=False)
    make = model_on_table(FOLDER, tmp_path, settings)
    shape = [(spec.name, spec.shape[1]) for spec in DygraphSession(make()).input_specs()]
    assert shape == [("dense", 5), ("sparse", 3)]
    (tmp_path / "starts").mkdir()
    variants = [("dygraph", []), ("dygraph", ["runner.fast_step=False"]), ("static", [])]
    written, by_autograd, static = losses_from_one_start(make, tmp_path / "starts", variants)
    np.testing.assert_allclose(written, by_autograd, rtol=0, atol=2e-5)
    np.testing.assert_allclose(written, static, rtol=0, atol=5e-5)
    assert_equal_states(*resumed_and_whole(make, "dygraph"))
    for engine, found, eager in exported_outputs(make):
        for task, output in eager.items():
            np.testing.assert_allclose(found[task], output, rtol=0, atol=1e-5, err_msg=engine)
