"""Losses that are NaN or infinite, on the command line: stop, skip the step, or ignore them."""

import re

import numpy as np
import pytest

from engine.checkpoints import formats
from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.system.errors import UserError
from engine.training import loop

PLAIN = ["hyper_parameters.standardize=False", "runner.epochs=1", "runner.print_interval=1"]
FUTURE = "from __future__ import annotations\n"
LINE = 9  # of the row whose loss is NaN; batches have 2 rows
BREAKS = """

class Breaks(MMoELayer):
    def logits(self, features):
        income, marital = paddle.unbind(super().logits(features))
        bad = (features[:, 20:21] == 7.0).expand_as(marital)
        nan = paddle.full_like(marital, float("nan"))
        return paddle.stack([income, paddle.where(bad, nan, marital)])


MMoELayer = Breaks
"""


@pytest.fixture
def data(model):
    """The training file; for one of its rows the net's second task returns NaN."""
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
def test_nan_parameters_are_not_saved(run_command, model, tmp_path, name):
    """A row of huge numbers makes the first layer NaN, and ReLU hides it from the loss."""
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
        names = {path.name for path in (tmp_path / "out").iterdir()}
        assert names == {"0", "config.yaml", "training_data.json"}


def test_a_skipped_step_changes_nothing(run_command, model, data, tmp_path):
    """Parameters and metrics are those of a training set without its rows."""
    yaml = model / "config.yaml"
    options = [*PLAIN, "runner.shuffle=False", "runner.on_nan=skip"]

    def train(output):
        settings = ["-o", f"runner.model_save_path={tmp_path / output}", *options]
        done = run_command("trainer", "-m", yaml, *settings)
        end(done, 0)
        (line,) = [line for line in done.log.splitlines() if "epoch: 0 done" in line]
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


def test_an_epoch_of_skipped_steps_is_an_error(run_command, model, data):
    data.write_text(data.read_text().splitlines(keepends=True)[LINE - 1] * 4)
    options = ["-o", *PLAIN, "runner.on_nan=skip"]
    error = end(run_command("trainer", "-m", model / "config.yaml", *options), 2)
    assert error == "error: epoch: 0: the loss of every batch is NaN or infinite"


def test_with_ignore_training_continues(run_command, model, data, tmp_path):
    options = ["-o", *PLAIN, "runner.on_nan=ignore", f"runner.model_save_path={tmp_path / 'out'}"]
    for name in ("trainer", "static_trainer"):
        done = run_command(name, "-m", model / "config.yaml", *options)
        end(done, 0)
        assert "loss:nan" in done.stderr


def test_static_graph_cannot_skip(run_command, model):
    options = ["-o", "runner.on_nan=skip"]
    error = end(run_command("static_trainer", "-m", model / "config.yaml", *options), 2)
    assert error == (
        "error: -o: runner.on_nan = 'skip': static graph takes the step before the loss is known; "
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
    (data,) = config.runner("train_data_dir")
    assert str(caught.value) == (
        "epoch: 0, batch_id: 0: the loss is nan, of task marital, in all 2 rows: "
        f"{data}/train_data.txt:1 to {data}/train_data.txt:2 (runner.on_nan = stop)"
    )
