"""Moving averages of parameters: computed independently, saved and resumed in both graphs."""

import os
import signal

import numpy as np
import pytest

from engine import commands
from engine.checkpoints import formats, layout
from engine.data import sources
from engine.evaluation import evaluator
from engine.graphs import moving_averages
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.system import interrupts
from engine.system.errors import UserError
from engine.training import loop, resume

GRAPHS = {"dygraph": DygraphSession, "static": lambda config: StaticSession(config, training=True)}
PREFIX = {"dygraph": "rec", "static": "rec_static"}
DECAY = 0.9


@pytest.fixture
def settings(configure, tmp_path):
    def make(name, *more, decay=DECAY):
        options = ["runner.epochs=2", "runner.train_batch_size=40", f"runner.ema_decay={decay}"]
        options.append("runner.infer_batch_size=64")
        options += ["hyper_parameters.dropout=0.2", f"runner.model_save_path={tmp_path / name}"]
        return configure("mmoe", *options, *more)

    return make


def parts(graph, config, name="1"):
    folder = os.path.join(config.runner("model_save_path"), name)
    names = ["pdparams", "pdopt"] + (["pdema"] if config.runner("ema_decay") else [])
    return {part: formats.read(layout.path_of(folder, PREFIX[graph], part)) for part in names}


def train(graph, config, recorded=None):
    session = GRAPHS[graph](config)
    step = session.train_step

    def recording_step(batch, clock):
        shown = step(batch, clock)
        recorded.append({name: value.copy() for name, value in session.parameters().items()})
        return shown

    if recorded is not None:
        session.train_step = recording_step
    return loop.train(session, config, sources.training_source(config))


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_checkpoint_holds_the_averages_of_all_steps(graph, settings):
    plain = settings("plain", decay=0)
    train(graph, plain)
    config, steps = settings("run"), []
    train(graph, config, steps)
    saved = parts(graph, config)
    own, _, count = moving_averages.unpack(saved)
    assert count == len(steps)
    trained = parts(graph, plain)
    assert_same(saved["pdopt"], trained["pdopt"])
    for name, value in saved["pdparams"].items():
        shares = DECAY ** np.arange(count)[::-1]
        each = np.stack([step[name] for step in steps]).astype("f8")
        if name in own:
            np.testing.assert_array_equal(own[name], trained["pdparams"][name], err_msg=name)
            expected = np.tensordot(shares / shares.sum(), each, 1)
        else:  # statistics of the data
            expected = trained["pdparams"][name]
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-6, err_msg=name)
    moved = max(np.abs(saved["pdparams"][name] - value).max() for name, value in own.items())
    assert moved > 1e-4


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("form", ["paddle", "safetensors"])
def test_a_resumed_run_is_bit_identical(graph, form, settings, monkeypatch):
    if form == "safetensors":
        pytest.importorskip("safetensors")
    form = f"runner.checkpoint_format={form}"
    uninterrupted, config = (
        settings("uninterrupted", form),
        settings("resumed", form, "runner.resume=True"),
    )
    train(graph, uninterrupted)
    count = 0

    def check():
        nonlocal count
        count += 1
        if count == 3:
            raise interrupts.Interrupted(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(interrupts, "check", check)
        with pytest.raises(interrupts.Interrupted):
            train(graph, config)
    train(graph, settings("resumed", form, "runner.resume=True", "runner.epochs=1"))
    train(graph, config)
    found = parts(graph, config)
    for part, content in parts(graph, uninterrupted).items():
        assert_same(found[part], content)


@pytest.mark.parametrize("graph", GRAPHS)
def test_evaluation_uses_the_averages(graph, settings):
    rows = f"runner.valid_data_dir={settings('any').runner('test_data_dir')}"
    config = settings("run", rows, "runner.infer_end_epoch=2")
    summary = train(graph, config)
    load = f"runner.infer_load_path={config.runner('model_save_path')}"
    evaluated = settings("run", load, "runner.infer_end_epoch=2", decay=0)
    session = DygraphSession(evaluated)
    if graph == "static":
        session = StaticSession(evaluated, training=False)
    tested = evaluator.evaluate(session, evaluated, sources.evaluation_source(evaluated))
    assert list(tested.metrics.values()) == list(summary.valid.values())


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_resumed_run_may_start_or_stop_averaging(graph, settings):
    config = settings("run", "runner.epochs=1")
    train(graph, config)
    before = moving_averages.unpack(parts(graph, config, "0"))[0]
    session = GRAPHS[graph](settings("run", "runner.resume=True", decay=0))
    resume.start(
        session, settings("run", "runner.resume=True", decay=0), sources.training_source(config)
    )
    found = session.parameters()
    assert_same({name: found[name] for name in before}, before)
    train(graph, settings("run", "runner.resume=True", decay=0))
    again = settings("run", "runner.resume=True", "runner.epochs=3")
    train(graph, again)
    assert (
        moving_averages.unpack(parts(graph, again, "2"))[2]
        == moving_averages.unpack(parts(graph, config, "0"))[2]
    )


def test_static_exports_have_the_averages(settings):
    """The exported parameters are those of the checkpoint, not the trained ones."""
    config = settings("run", "runner.use_inference=True", "runner.epochs=1")
    summary = commands.train(config, "static")
    assert summary.rows
    folder = os.path.join(config.runner("model_save_path"), "0")
    with open(os.path.join(folder, "rec_inference.pdiparams"), "rb") as file:
        written = file.read()
    saved = parts("static", config, "0")
    own = moving_averages.unpack(saved)[0]
    for name, value in own.items():
        if value.size > 20:
            assert saved["pdparams"][name].tobytes() in written
            assert value.tobytes() not in written


@pytest.mark.parametrize("graph", GRAPHS)
def test_another_decay_is_refused(graph, settings):
    train(graph, settings("run", "runner.epochs=1"))
    with pytest.raises(UserError, match=r"the run to resume averages with decay 0\.9"):
        train(graph, settings("run", "runner.resume=True", decay=0.99))


def test_the_gates_shown_are_those_of_the_averages(settings):
    config = settings("run", "runner.infer_batch_size=1000")
    session = DygraphSession(config)
    loop.train(session, config, sources.training_source(config))
    before = session.parameters()
    found = session.gate_weights(sources.evaluation_source(config))
    assert_same(session.parameters(), before)
    averaged = DygraphSession(settings("other", "runner.infer_batch_size=1000", decay=0))
    averaged.load(session.evaluation_parameters(), "rec")
    assert_same(found, averaged.gate_weights(sources.evaluation_source(config)))
    averaged.load(before, "rec")
    own = averaged.gate_weights(sources.evaluation_source(config))
    assert max(np.abs(own[task] - row).max() for task, row in found.items()) > 1e-4
