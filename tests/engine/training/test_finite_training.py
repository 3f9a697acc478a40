"""NaN losses and parameters in the training loop: where the run stops, and what stays saved."""

import os
import re
from pathlib import Path

import numpy as np
import paddle
import pytest

from engine.checkpoints import facts as facts_of
from engine.checkpoints import formats, layout
from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.system import interrupts
from engine.system.errors import UserError
from engine.training import epoch_state, loop

LENGTH = 10  # batches in an epoch


class NanLoss:
    """A loss that is read as NaN, with finite gradients."""

    def __init__(self, loss):
        self._loss = loss

    def detach(self):
        return paddle.full([1], float("nan"))

    def item(self):
        return float("nan")

    def backward(self):
        self._loss.backward()


def nan_at(session, step):
    """Makes the loss of one step NaN."""
    forward, count = session._forward, 0

    def forward_with_nan(*arguments):
        nonlocal count
        loss, metrics, shown = forward(*arguments)
        count += 1
        return NanLoss(loss) if count - 1 == step else loss, metrics, shown

    session._forward = forward_with_nan


@pytest.fixture
def settings(configure):
    """Configurations whose only log line is that of an epoch's first batch."""

    def make(*more):
        options = ["runner.epochs=2", "runner.train_batch_size=40", "runner.print_interval=1000"]
        return configure("mmoe", *options, *more)

    return make


def train(session, config):
    return loop.train(session, config, sources.training_source(config))


def saved(config):
    """Returns the content of every saved file by path."""
    files = Path(config.runner("model_save_path")).rglob("*.*")
    return {path: path.read_bytes() for path in files if path.is_file() and path.name != ".lock"}


# Losses that a GPU collects, with the device faked on CPU tensors


def session_on_gpu(config):
    session = DygraphSession(config)
    session._device = "gpu"
    return session


def test_collected_losses_are_read_at_the_end_of_an_epoch(settings):
    config = settings()
    session = session_on_gpu(config)
    nan_at(session, 7)
    with pytest.raises(UserError) as caught:
        train(session, config)
    assert str(caught.value).startswith("epoch: 0, batch_id: 7: the loss is nan")
    assert not saved(config)


def test_collected_losses_are_read_in_each_epoch(settings):
    config = settings()
    session = session_on_gpu(config)
    nan_at(session, LENGTH + 3)
    with pytest.raises(UserError, match=r"^epoch: 1, batch_id: 3: the loss is nan"):
        train(session, config)
    assert sorted(os.listdir(config.runner("model_save_path"))) == [
        "0",
        "config.yaml",
        "training_data.json",
    ]


def test_collected_losses_are_read_before_an_interrupted_run_is_saved(settings, signal_at):
    config = settings()
    session = session_on_gpu(config)
    nan_at(session, 7)
    with (
        signal_at(9),
        pytest.raises(UserError, match=r"^epoch: 0, batch_id: 7: the loss is nan"),
    ):
        train(session, config)
    assert not saved(config)


def test_collected_losses_are_read_before_an_evaluation(settings):
    rows = f"runner.valid_data_dir={settings().runner('test_data_dir')}"
    config = settings(rows, "runner.valid_interval=4")
    session = session_on_gpu(config)
    nan_at(session, 7)
    with pytest.raises(UserError, match=r"^epoch: 0, batch_id: 7: the loss is nan"):
        train(session, config)
    (best,) = os.listdir(config.runner("model_save_path"))  # of the evaluation after 4 batches
    facts = facts_of.read(os.path.join(config.runner("model_save_path"), best), "rec")
    assert facts["controls"]["evaluated"] == [0, 4]


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_a_nan_loss_in_repeated_steps_is_no_error(device, settings, signal_at, monkeypatch):
    """A resumed run repeats steps for their random numbers only, and then loads the state."""
    reference = settings()
    train(DygraphSession(reference), reference)
    root = reference.runner("model_save_path")
    expected = formats.read(layout.path_of(f"{root}/1", "rec", "pdparams"))
    config = settings(f"runner.model_save_path={root}-parts", "runner.resume=True")
    capture = epoch_state.capture
    monkeypatch.setattr(epoch_state, "capture", lambda *given: (capture(*given)[0], True))
    with signal_at(3), pytest.raises(interrupts.Interrupted):
        train(DygraphSession(config), config)
    session = DygraphSession(config)
    session._device = device
    nan_at(session, 1)
    train(session, config)
    resumed = formats.read(layout.path_of(f"{root}-parts/1", "rec", "pdparams"))
    for name, value in expected.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)


# Parameters


def break_parameter_after(session, steps):
    """Makes a parameter NaN after some steps."""
    step, count = session.train_step, 0

    def breaking_step(batch, clock):
        nonlocal count
        shown = step(batch, clock)
        count += 1
        if count == steps:
            bias = session.net.towers.output.bias
            bias.set_value(np.full(bias.shape, np.nan, "f4"))
        return shown

    session.train_step = breaking_step
    session._on_nan = "ignore"  # of losses


@pytest.mark.parametrize(
    ("case", "batch"), [("end of the epoch", 9), ("evaluation", 7), ("interrupted", 6)]
)
def test_nan_parameters_are_not_saved_and_earlier_checkpoints_stay(
    case, batch, settings, signal_at
):
    rows = f"runner.valid_data_dir={settings().runner('test_data_dir')}"
    more = [rows, "runner.valid_interval=4"] if case == "evaluation" else []
    config = settings(*more, "runner.epochs=1")
    train(DygraphSession(config), config)
    before = saved(config)
    config = settings(*more, "runner.resume=True")
    session = DygraphSession(config)
    break_parameter_after(session, 6)
    signal = signal_at(7 if case == "interrupted" else 10**6)
    with signal, pytest.raises(UserError) as caught:
        train(session, config)
    assert re.fullmatch(
        rf"epoch: 1, batch_id: {batch}: parameter \S+ is NaN or infinite after this batch, and "
        "perhaps since an earlier one; this state was not saved, and earlier checkpoints did not "
        r"change \(runner.on_nan = stop\)",
        str(caught.value),
    )
    after = saved(config)
    if case == "evaluation":  # the evaluation after 4 batches may have been the best one
        before = {path: content for path, content in before.items() if path.parent.name != "best"}
        for path in [path for path in after if path.parent.name == "best"]:
            content = after.pop(path)
            if path.suffix == ".pdparams":
                arrays = formats.read(str(path))
                assert content
                assert all(np.isfinite(arrays[name]).all() for name in session.shapes())
    assert after == before
