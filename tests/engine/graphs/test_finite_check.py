"""Checks for NaN and infinite losses and parameters."""

import numpy as np
import paddle
import pytest

from engine.graphs import finite_check
from engine.graphs.dygraph import DygraphSession
from engine.system.errors import UserError


def losses(count, bad):
    """Returns losses of 1, except for some steps, as CPU tensors."""
    return [paddle.to_tensor([bad.get(step, 1.0)]) for step in range(count)]


def test_on_a_gpu_losses_are_read_64_at_once():
    """The first bad one is reported, with the number of steps since then."""
    check = finite_check.LossCheck("stop", "gpu")
    faults = [check(loss) for loss in losses(70, {5: float("inf"), 9: float("nan")})]
    assert [bool(fault) for fault in faults] == [step == 63 for step in range(70)]
    assert (faults[63].value, faults[63].steps_ago) == (float("inf"), 58)
    # The loss of batch 63 is checked before that batch is counted: 63 batches are done.
    assert "batch_id: 5: " in str(finite_check.error(faults[63], object(), 0, 63))


@pytest.mark.parametrize("count", [1, 10, 63, 70])
@pytest.mark.parametrize("place", [0, -1])
def test_on_a_gpu_the_last_losses_are_read_when_asked(count, place):
    check = finite_check.LossCheck("stop", "gpu")
    bad = (count // 64 * 64, count - 1)[place]  # the first and the last loss that is not yet read
    for loss in losses(count, {bad: float("nan")}):
        assert check(loss) is None
    fault = check.pending()
    # All batches are counted when pending losses are read.
    assert f"batch_id: {bad}: the loss is nan" in str(
        finite_check.error(fault, object(), 0, batches=count)
    )
    assert check.pending() is None  # they are read once


def test_no_loss_is_pending_after_64_of_them():
    check = finite_check.LossCheck("stop", "gpu")
    assert not any(check(loss) for loss in losses(64, {}))
    assert check.pending() is None


@pytest.mark.parametrize(("on_nan", "device"), [("stop", "cpu"), ("skip", "cpu"), ("skip", "gpu")])
def test_elsewhere_each_loss_is_read_at_once(on_nan, device):
    check = finite_check.LossCheck(on_nan, device)
    assert check(paddle.to_tensor([1.0])) is None
    fault = check(paddle.to_tensor([float("nan")]))
    assert np.isnan(fault.value)
    assert fault.steps_ago == 0
    assert check.pending() is None


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_ignored_losses_are_not_read(device):
    check = finite_check.LossCheck("ignore", device)
    assert not any(check(loss) for loss in losses(64, {0: float("nan")}))
    assert check.pending() is None


def test_losses_of_rows_count_as_their_sum():
    assert finite_check.check_loss(paddle.to_tensor([1.0, 2.0])) is None
    assert finite_check.check_loss(paddle.to_tensor([1.0, float("nan")]))
    assert finite_check.check_loss(np.array([[1.0], [np.inf]], "f4")).value == float("inf")


def test_an_error_without_tasks_and_files():
    """If neither the model nor the reader can name them."""
    fault = finite_check.NotFinite(float("inf"))
    error = finite_check.error(fault, object(), 2, 17)
    assert str(error) == "epoch: 2, batch_id: 17: the loss is inf (runner.on_nan = stop)"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_parameter_that_is_not_finite_is_an_error(configure, value):
    session = DygraphSession(configure("mmoe"))
    bias = session.net.towers.output.bias
    bias.set_value(np.full(bias.shape, 3e38, "f4"))  # large, but finite
    finite_check.ParameterCheck(session, "stop").at_line(3, 9)
    values = bias.numpy()
    values.reshape(-1)[1] = value
    bias.set_value(values)
    with pytest.raises(UserError) as caught:
        finite_check.ParameterCheck(session, "skip").at_line(3, 9)
    assert str(caught.value) == (
        "epoch: 3, batch_id: 9: parameter towers.output.bias is NaN or infinite after this batch, "
        "and perhaps since an earlier one; this state was not saved, and earlier checkpoints did "
        "not change (runner.on_nan = skip)"
    )
    finite_check.ParameterCheck(session, "ignore").at_end(3, 9)


def test_a_large_net_is_not_checked_at_log_lines(configure, monkeypatch):
    session = DygraphSession(configure("mmoe"))
    monkeypatch.setattr(finite_check, "_SMALL_NET", 10)
    check = finite_check.ParameterCheck(session, "stop")
    calls = []
    monkeypatch.setattr(session, "parameters", lambda: calls.append(1) or {})
    check.at_line(0, 0)
    assert not calls
    check.at_end(0, 0)
    assert calls
