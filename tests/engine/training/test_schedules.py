"""Learning-rate schedules: computed by hand, in both graphs, and after a resume."""

import json
import math
import os
from types import SimpleNamespace

import numpy as np
import paddle
import pytest

from engine.checkpoints import formats, layout
from engine.config.load import load_config
from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.system import interrupts
from engine.system.errors import UserError
from engine.training import loop, schedules
from engine.training.resume import Position

GRAPHS = {"dygraph": DygraphSession, "static": lambda config: StaticSession(config, training=True)}
PREFIX = {"dygraph": "rec", "static": "rec_static"}
LENGTH = 10  # batches in an epoch, by hand


@pytest.fixture
def rates(tmp_path):
    """Returns a function from (epoch, batch) pairs to rates with base 1."""

    def compute(places, runner=None, length=LENGTH, **optimizer):
        path = tmp_path / "config.yaml"
        content = {"runner": {"epochs": 4, **(runner or {})}}
        content["hyper_parameters"] = {"optimizer": optimizer}
        path.write_text(json.dumps(content))
        schedule = schedules.create(load_config(str(path)), length)
        if schedule is None:
            return None
        return [schedule.rate(1.0, e, b, e * (length or 0) + b) for e, b in places]

    return compute


def test_a_constant_rate_has_no_schedule(rates):
    assert rates([(0, 0)]) is None
    assert rates([(0, 0)], length=None, schedule="constant") is None


def test_steps_of_a_size(rates):
    places = [(0, 0), (0, 9), (1, 9), (2, 0), (3, 9), (4, 0)]
    expected = [1, 1, 1, 0.1, 0.1, 0.01]
    assert rates(places, schedule="step", step_size=2) == pytest.approx(expected)
    options = {"schedule": "step", "schedule_by": "step", "step_size": 5, "gamma": 0.5}
    found = rates([(0, 4), (0, 5), (1, 0), (1, 5)], **options)
    assert found == pytest.approx([1, 0.5, 0.25, 0.125])


def test_milestones_and_a_minimum(rates):
    options = {"schedule": "step", "milestones": [1, 2.5], "minimum_rate": 0.05}
    found = rates([(0, 9), (1, 0), (2, 4), (2, 5), (9, 0)], **options)
    assert found == pytest.approx([1, 0.1, 0.1, 0.05, 0.05])


def test_cosine_ends_with_the_epochs(rates):
    found = rates([(0, 0), (1, 0), (2, 0), (4, 0), (5, 0)], schedule="cosine", minimum_rate=0.2)
    quarter = 0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi / 4))
    assert found == pytest.approx([1, quarter, 0.6, 0.2, 0.2])


def test_cosine_after_a_warm_up(rates):
    options = {"schedule": "cosine", "schedule_by": "step", "schedule_length": 14}
    found = rates([(0, 0), (0, 3), (0, 4), (0, 9), (1, 4)], **options, warmup_steps=4)
    assert found == pytest.approx([0.25, 1, 1, 0.5, 0])


def test_exponential_decreases_inside_epochs(rates):
    options = {"schedule": "exponential", "gamma": 0.25}
    assert rates([(0, 0), (0, 5), (1, 0)], **options) == pytest.approx([1, 0.5, 0.25])
    found = rates([(0, 0), (0, 4), (0, 5), (1, 0)], **options, warmup_epochs=0.5)
    assert found == pytest.approx([0.2, 1, 1, 0.5])


def test_a_stream_counts_steps(rates):
    options = {"schedule": "exponential", "gamma": 0.5, "schedule_by": "step", "warmup_steps": 2}
    found = rates([(0, 0), (0, 1), (0, 2), (0, 3)], length=None, **options)
    assert found == pytest.approx([0.5, 1, 1, 0.5])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"schedule": "cosin"}, "schedule = 'cosin': expected one of constant, step, cosine"),
        ({"schedule": "step"}, "step_size = None: schedule = step needs it, or milestones"),
        (
            {"schedule": "step", "milestones": [3, 1]},
            "expected an increasing list of positive numbers",
        ),
        ({"schedule": "exponential"}, "gamma = None: schedule = exponential needs it"),
        ({"schedule": "exponential", "gamma": 2}, "expected a number of at most 1"),
        ({"schedule": "cosine", "schedule_by": "step"}, "cosine by step needs it"),
        ({"schedule": "cosine", "warmup_epochs": 4}, "the warm-up lasts until 4"),
        ({"schedule": "plateau"}, "it needs evaluations: set runner.valid_data_dir"),
        ({"warmup_steps": 1.5}, "expected an integer, at least 0"),
        ({"warmup_steps": 1, "warmup_epochs": 1}, "set only one of them"),
        ({"schedule": "step", "step_size": 0}, "expected a number, more than 0"),
        ({"minimum_rate": "low"}, "expected a number, at least 0"),
        ({"milestones": [2]}, "schedule = constant does not use it"),
        ({"minimum_rate": 0.1}, "schedule = constant does not use it"),
        ({"schedule_by": "step"}, "schedule = constant does not use it"),
        ({"schedule": "plateau", "schedule_by": "step"}, "schedule = plateau counts evaluations"),
        ({"schedule": ""}, "expected one of constant, step, cosine, exponential, plateau"),
        ({"schedule": "cosine", "gamma": 0.5}, "schedule = cosine does not use it"),
    ],
)
def test_invalid_values_are_errors(rates, options, problem):
    with pytest.raises(UserError, match=problem):
        rates([], **options)


def test_a_stream_has_no_epochs(rates):
    with pytest.raises(UserError, match="the reader has no number of rows: count in steps"):
        rates([], length=None, schedule="cosine")


@pytest.fixture
def settings(configure, tmp_path):
    def make(name, *more):
        options = ["runner.epochs=2", "runner.train_batch_size=20", "runner.infer_batch_size=64"]
        return configure("mmoe", *options, f"runner.model_save_path={tmp_path / name}", *more)

    return make


def optimizer(**values):
    return [f"hyper_parameters.optimizer.{name}={value}" for name, value in values.items()]


def train(graph, config, seen=None):
    session = GRAPHS[graph](config)
    step = session.train_step

    def recording_step(batch, clock):
        seen.append(session.learning_rate())
        return step(batch, clock)

    if seen is not None:
        session.train_step = recording_step
    return loop.train(session, config, sources.training_source(config))


def state(graph, config, epoch=1):
    folder = os.path.join(config.runner("model_save_path"), str(epoch))
    return {
        part: formats.read(layout.path_of(folder, PREFIX[graph], part))
        for part in ("pdparams", "pdopt")
    }


WARM_COSINE = optimizer(schedule="cosine", warmup_steps=3, minimum_rate=1e-5)


@pytest.mark.parametrize("graph", GRAPHS)
def test_each_step_has_its_rate(graph, settings):
    config, seen = settings("run", *WARM_COSINE), []
    train(graph, config, seen)
    length = len(seen) // 2
    schedule = schedules.create(config, length)
    expected = [schedule.rate(0.001, n // length, n % length, n) for n in range(2 * length)]
    np.testing.assert_allclose(seen, expected, rtol=1e-6)
    assert expected[0] < expected[2] == 0.001 > expected[-1]


def test_both_graphs_use_the_rate(settings):
    """Their parameters agree, and differ from those of a constant rate."""
    for graph in GRAPHS:
        train(graph, settings(graph, *WARM_COSINE))
    train("dygraph", settings("constant"))
    dygraph = state("dygraph", settings("dygraph"))["pdparams"]
    constant = state("dygraph", settings("constant"))["pdparams"]
    session = DygraphSession(settings("static"))
    session.load(state("static", settings("static"))["pdparams"], "rec_static")
    for name, value in session.parameters().items():
        np.testing.assert_allclose(value, dygraph[name], rtol=2e-3, atol=2e-5, err_msg=name)
    assert max(np.abs(constant[name] - value).max() for name, value in dygraph.items()) > 1e-4


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("steps", [2, 5])
def test_a_resumed_run_continues_the_schedule(graph, steps, settings, signal_at):
    uninterrupted = settings("uninterrupted", *WARM_COSINE)
    train(graph, uninterrupted)
    config = settings("resumed", *WARM_COSINE, "runner.resume=True")
    with signal_at(steps), pytest.raises(interrupts.Interrupted):
        train(graph, config)
    train(graph, config)
    for part, content in state(graph, uninterrupted).items():
        for name, value in content.items():
            np.testing.assert_array_equal(state(graph, config)[part][name], value, err_msg=name)


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_plateau_lowers_the_rate_also_after_a_resume(graph, settings):
    config = settings("any")
    more = optimizer(schedule="plateau", plateau_patience=1, gamma=0.5)
    more += [f"runner.valid_data_dir={config.runner('test_data_dir')}", "runner.epochs=3"]
    more += ["runner.early_stopping_min_delta=1", "runner.resume=True"]
    uninterrupted, seen = settings("uninterrupted", *more), []
    train(graph, uninterrupted, seen)
    length = len(seen) // 3
    assert seen == pytest.approx([0.001] * 2 * length + [0.0005] * length)
    train(graph, settings("resumed", *more, "runner.epochs=2"))
    seen = []
    train(graph, settings("resumed", *more), seen)
    assert seen == pytest.approx([0.0005] * length)


def test_an_optimizer_with_a_schedule_is_an_error(settings):
    config = settings("run", *WARM_COSINE)
    session = DygraphSession(config)
    own = paddle.optimizer.lr.StepDecay(0.1, 2)
    session._optimizer = paddle.optimizer.SGD(own, session.net.parameters())
    with pytest.raises(UserError, match="the model's optimizer already has a schedule"):
        loop.train(session, config, sources.training_source(config))


def test_an_epoch_that_other_processes_have_started_continues(settings):
    """They trained on half of its rows in other batches; ten of 20 batches remain."""
    config, seen = settings("run", *optimizer(schedule="cosine")), []
    session = DygraphSession(config)
    session.train_step = lambda batch, clock: seen.append(session.learning_rate())
    source = sources.training_source(config)
    training = loop.Training(session, config, source, None)
    training._position = Position(0, first_row=200, same=False)
    training._log = log = SimpleNamespace(epoch=0, batches=0)
    for log.epoch, log.batches in ((0, 0), (0, 9), (1, 0)):
        training._scheduled_step(None, None)
    schedule = schedules.create(config, 20)
    assert seen == [schedule.rate(0.001, *place, 0) for place in ((0, 10), (0, 19), (1, 0))]
    assert seen[0] > seen[1] > seen[2]
