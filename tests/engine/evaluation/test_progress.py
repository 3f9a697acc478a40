"""Log lines and VisualDL's records of a run."""

import re

import numpy as np
import pytest

from engine.data import sources
from engine.evaluation import steps, visual
from engine.evaluation.progress import RunLog
from engine.graphs.dygraph import DygraphSession
from engine.system.clock import Clock
from engine.system.errors import UserError
from engine.training import loop


class SteppedClock(Clock):
    """A clock whose seconds are set by a test."""

    def spend(self, read, forward):
        self.seconds["read"] += read
        self.seconds["forward"] += forward


def test_a_line_averages_over_its_interval(caplog):
    clock = SteppedClock()
    report = RunLog(clock, interval=2, total=None, visual=None)
    caplog.set_level("INFO")
    report.start_epoch(3)
    for number, rows in enumerate([8, 8, 8, 4]):
        clock.spend(0.25, 0.75)
        due = report.count(rows)
        assert due == (number % 2 == 0)
        if due:
            report.line({"auc_a": 0.5}, {"loss": np.array([0.25], "f4")}, 0.001)
    report.end_epoch({"auc_a": float("nan")})
    assert caplog.messages == [
        "epoch: 3, batch_id: 0, auc_a:0.500000, loss:0.250000, avg_reader_cost: 0.25000 sec, "
        "avg_batch_cost: 1.00000 sec, avg_samples: 8.00000, ips: 8.00000 ins/s",
        "epoch: 3, batch_id: 2, auc_a:0.500000, loss:0.250000, avg_reader_cost: 0.25000 sec, "
        "avg_batch_cost: 1.00000 sec, avg_samples: 8.00000, ips: 8.00000 ins/s",
        "epoch: 3 done, auc_a: nan, epoch time: 4.00 s",
    ]


def test_visualdl_gets_the_values_of_the_log(configure, tmp_path, caplog):
    pytest.importorskip("visualdl", reason="VisualDL is an extra: requirements-visual.txt")
    from visualdl import LogReader

    overrides = ["runner.use_visual=True", f"runner.visual_dir={tmp_path / 'visual'}"]
    config = configure("mmoe", *overrides, "runner.epochs=2", "runner.print_interval=50")
    caplog.set_level("INFO")
    loop.train(DygraphSession(config), config, sources.training_source(config))
    (record,) = (tmp_path / "visual").glob("output-*/vdlrecords.*.log")
    reader = LogReader(file_path=str(record))
    tags = reader.get_tags()["scalar"]
    assert sorted(tags) == ["auc_income", "auc_marital", "ips", "learning_rate", "loss"]
    logged = re.findall(r"batch_id: \d+,.* loss:(\S+),", caplog.text)
    losses = reader.get_data("scalar", "loss")
    assert [f"{point.value:.6f}" for point in losses] == logged
    assert [point.id for point in losses] == [1, 51, 101, 151, 201, 251, 301, 351]
    assert reader.get_data("scalar", "learning_rate")[0].value == pytest.approx(0.001)


def test_use_visual_without_visualdl_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "visualdl", None)
    with pytest.raises(UserError, match=r"pip install -r requirements-visual\.txt"):
        visual.Visual("anywhere", "run")


def points(folder, tag="loss"):
    """Returns the steps and values that VisualDL shows of each run in a folder."""
    from visualdl import LogReader

    shown = {}
    for place, name in LogReader(logdir=str(folder)).logs().items():
        data = LogReader(file_path=f"{place}/{name}").get_data("scalar", tag)
        shown[place.rpartition("/")[2]] = [(point.id, point.value) for point in data]
    return shown


def test_every_run_has_a_folder_and_a_resumed_run_continues_its_own(configure, tmp_path, caplog):
    pytest.importorskip("visualdl", reason="VisualDL is an extra: requirements-visual.txt")
    caplog.set_level("INFO")
    folder = tmp_path / "the curves"
    common = ["runner.use_visual=True", f"runner.visual_dir={folder}", "runner.epochs=2"]
    common += ["runner.print_interval=50", "runner.train_batch_size=4"]

    def train(*options):
        config = configure("mmoe", *common, *options)
        loop.train(DygraphSession(config), config, sources.training_source(config))

    train()
    train(f"runner.model_save_path={tmp_path / 'parts'}", "runner.epochs=1")
    before = points(folder)
    whole, part = sorted(before)
    assert (whole[:7], part[:6]) == ("output-", "parts-")
    assert [step for step, _ in before[whole]] == [1, 51, 101, 151]
    assert before[part] == before[whole][:2]
    # A killed run leaves records of steps that the resumed run takes again, and a torn one.
    writer = visual.Visual(str(folder), part, step=100)
    writer.scalars({"loss": 9.0}, 101)
    writer.close()
    (record,) = (folder / part).iterdir()
    record.write_bytes(record.read_bytes() + (1000).to_bytes(8, "little") + b"torn")
    train(f"runner.model_save_path={tmp_path / 'parts'}", "runner.resume=True")
    assert points(folder) == {whole: before[whole], part: before[whole]}
    command = f"to look at them: visualdl --logdir '{folder}'"
    assert [line for line in caplog.messages if line.endswith(command)]


def test_every_phase_of_a_step_is_timed(configure):
    config = configure("mmoe")
    session, clock = DygraphSession(config), Clock()
    session.start_epoch(training=True)
    report = RunLog(clock, 10, None, None)
    report.start_epoch(0)
    source = sources.training_source(config)
    rows = steps.run_steps(session, session.batches(source, 0), session.train_step, clock, report)
    assert rows == 400
    assert min(clock.seconds.values()) > 0
    assert clock.total() == pytest.approx(sum(clock.seconds.values()))
