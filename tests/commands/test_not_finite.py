"""A loss that is NaN or infinite: the run stops and says where, or skips the step, or goes on."""

import re

import numpy as np
import paddle
import pytest

from engine.checkpoints import formats
from engine.data import sources
from engine.graphs import finite_check
from engine.graphs.dygraph import DygraphSession
from engine.system.errors import UserError
from engine.training import loop

PLAIN = ["hyper_parameters.standardize=False", "runner.epochs=1", "runner.print_interval=1"]
FUTURE = "from __future__ import annotations\n"
LINE = 9  # of the row that the net cannot take; batches have 2 rows
BREAKS = """

class Breaks(MMoELayer):
    def logits(self, features):
        income, marital = paddle.unbind(super().logits(features))
        bad = (features[:, 20:21] == 7.0).expand_as(marital)
        nothing = paddle.full_like(marital, float("nan"))
        return paddle.stack([income, paddle.where(bad, nothing, marital)])


MMoELayer = Breaks
"""


@pytest.fixture
def data(model):
    """The training file, with one row for which the net's second task gives NaN."""
    net = model / "net.py"
    net.write_text(f"import paddle\n{net.read_text()}{BREAKS}".replace(FUTURE, ""))
    path = model / "data" / "train" / "train_data.txt"
    lines = path.read_text().splitlines()
    cells = lines[LINE - 1].split(",")
    lines[LINE - 1] = ",".join([*cells[:22], "7", *cells[23:]])
    path.write_text("\n".join(lines) + "\n")
    return path


def end(done, code):
    assert done.code == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_the_run_stops_and_names_the_row(run_command, model, data, name):
    options = ["-o", *PLAIN, "runner.shuffle=False"]
    error = end(run_command(name, "-m", model / "config.yaml", *options), 2)
    assert error == (
        "error: epoch: 0, batch_id: 4: the loss is nan, of task marital, "
        f"in 1 of 2 rows: {data}:{LINE} (runner.on_nan = stop)"
    )
    assert not (model / "output_model_mmoe").exists()


def test_the_row_is_found_in_shuffled_batches(run_command, model, data):
    options = ["-o", *PLAIN, "runner.train_batch_size=7", "runner.seed=3"]
    error = end(run_command("trainer", "-m", model / "config.yaml", *options), 2)
    assert re.search(rf"in 1 of \d rows: {re.escape(str(data))}:{LINE} \(runner", error)


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_a_net_that_is_torn_apart_is_not_saved(run_command, model, tmp_path, name):
    """A row beyond all measure makes the first layer NaN, and ReLU hides it from the loss."""
    yaml, output = model / "config.yaml", f"runner.model_save_path={tmp_path / 'out'}"
    end(run_command(name, "-m", yaml, "-o", output, *PLAIN), 0)
    before = {path: path.read_bytes() for path in (tmp_path / "out" / "0").iterdir()}
    data = model / "data" / "train" / "train_data.txt"
    lines = data.read_text().splitlines()
    labels = lines[LINE - 1].split(",")[:2]
    lines[LINE - 1] = ",".join([*labels, *["3e38"] * (len(lines[0].split(",")) - 2)])
    data.write_text("\n".join(lines) + "\n")
    options = ["-o", output, *PLAIN, "runner.epochs=2", "runner.resume=True"]
    for interval, batches in ((1, "[4-9]"), (100, "9")):
        more = ["runner.shuffle=False", f"runner.print_interval={interval}"]
        done = run_command(name, "-m", yaml, *options, *more)
        error = end(done, 2)
        assert re.match(rf"error: epoch: 1, batch_id: {batches}: parameter \S+ is NaN or", error)
        assert not re.search("loss: ?(nan|inf)", done.stderr)
        assert {path: path.read_bytes() for path in before} == before
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["0"]


def test_a_skipped_step_leaves_no_trace(run_command, model, data, tmp_path):
    """Neither in the parameters nor in the metrics: as if its rows were not there."""
    yaml = model / "config.yaml"
    options = [*PLAIN, "runner.shuffle=False", "runner.on_nan=skip"]

    def train(output):
        settings = ["-o", f"runner.model_save_path={tmp_path / output}", *options]
        done = run_command("trainer", "-m", yaml, *settings)
        end(done, 0)
        (line,) = [line for line in done.stderr.splitlines() if "epoch: 0 done" in line]
        return line.split(" - ")[-1].split(", epoch time")[0]

    with_it = train("with")
    lines = data.read_text().splitlines(keepends=True)
    data.write_text("".join([*lines[: LINE - 1], *lines[LINE + 1 :]]))
    without = train("without")
    assert with_it == f"{without}, skipped: 1 batches"
    for part in ("pdparams", "pdopt"):
        one, two = (
            formats.read(str(tmp_path / output / "0" / f"rec.{part}"))
            for output in ("with", "without")
        )
        for key, value in one.items():
            np.testing.assert_array_equal(value, two[key], err_msg=key)


def test_nothing_but_skipped_steps(run_command, model, data):
    data.write_text(data.read_text().splitlines(keepends=True)[LINE - 1] * 4)
    options = ["-o", *PLAIN, "runner.on_nan=skip"]
    error = end(run_command("trainer", "-m", model / "config.yaml", *options), 2)
    assert error == "error: epoch: 0: no batch has a loss that is finite"


def test_ignored_it_goes_on(run_command, model, data, tmp_path):
    options = ["-o", *PLAIN, "runner.on_nan=ignore", f"runner.model_save_path={tmp_path / 'out'}"]
    for name in ("trainer", "static_trainer"):
        done = run_command(name, "-m", model / "config.yaml", *options)
        end(done, 0)
        assert "loss:nan" in done.stderr


def test_static_graph_cannot_skip(run_command, model):
    options = ["-o", "runner.on_nan=skip"]
    error = end(run_command("static_trainer", "-m", model / "config.yaml", *options), 2)
    assert error == (
        "error: -o: runner.on_nan = 'skip': static graph takes a step before its loss is seen; "
        "expected stop or ignore"
    )


def test_the_task_is_named(configure, tmp_path):
    config = configure("mmoe", "runner.shuffle=False", "runner.epochs=1")
    session, source = DygraphSession(config), sources.training_source(config)
    weight = session.net.towers.output.weight
    values = weight.numpy()
    values[1] = np.nan
    weight.set_value(values)
    session.fit_inputs = lambda source: None
    with pytest.raises(UserError) as caught:
        loop.train(session, config, source)
    data = config.runner("train_data_dir")
    assert str(caught.value) == (
        "epoch: 0, batch_id: 0: the loss is nan, of task marital, in all 2 rows: "
        f"{data}/train_data.txt:1 to {data}/train_data.txt:2 (runner.on_nan = stop)"
    )


def test_a_model_and_a_reader_that_cannot_say(configure):
    fault = finite_check.NotFinite(float("inf"))
    error = finite_check.error(fault, object(), 2, 17)
    assert str(error) == "epoch: 2, batch_id: 17: the loss is inf (runner.on_nan = stop)"


def test_on_a_gpu_it_looks_at_many_steps_at_once():
    """And tells which of them it was; no step waits for its loss."""
    watch = finite_check.watch("stop", "gpu")
    values = [1.0] * 70
    values[5], values[9] = float("inf"), float("nan")
    found = [watch(paddle.to_tensor([value])) for value in values]
    assert [bool(fault) for fault in found] == [number == 63 for number in range(70)]
    assert (found[63].value, found[63].steps_ago) == (float("inf"), 58)
    assert "batch_id: 5: " in str(finite_check.error(found[63], object(), 0, 63))
    assert finite_check.watch("skip", "gpu")(paddle.to_tensor([float("nan")]))
    assert finite_check.watch("ignore", "cpu")(paddle.to_tensor([float("nan")])) is None


def test_a_loss_a_row_counts_as_their_sum():
    assert finite_check.look(paddle.to_tensor([1.0, 2.0])) is None
    assert finite_check.look(paddle.to_tensor([1.0, float("nan")]))
    assert finite_check.look(np.array([[1.0], [np.inf]], "f4")).value == float("inf")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_parameter_that_is_no_number_is_found(configure, value):
    session = DygraphSession(configure("mmoe"))
    bias = session.net.towers.output.bias
    bias.set_value(np.full(bias.shape, 3e38, "f4"))  # large, but numbers
    finite_check.ParameterCheck(session, "stop").at_line(3, 9)
    values = bias.numpy()
    values.reshape(-1)[1] = value
    bias.set_value(values)
    found = "epoch: 3, batch_id: 9: parameter towers.output.bias is NaN or infinite after"
    with pytest.raises(UserError, match=found):
        finite_check.ParameterCheck(session, "skip").at_line(3, 9)
    finite_check.ParameterCheck(session, "ignore").at_end(3, 9)


def test_a_large_net_is_looked_over_at_the_end_of_an_epoch_only(configure, monkeypatch):
    session = DygraphSession(configure("mmoe"))
    monkeypatch.setattr(finite_check, "_LOOKED_OVER", 10)
    check = finite_check.ParameterCheck(session, "stop")
    looked = []
    monkeypatch.setattr(session, "parameters", lambda: looked.append(1) or {})
    check.at_line(0, 0)
    assert not looked
    check.at_end(0, 0)
    assert looked
