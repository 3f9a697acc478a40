"""Log lines and VisualDL's records of a run."""

import re

import numpy as np
import pytest

from engine.data import sources
from engine.evaluation import steps
from engine.evaluation.progress import RunLog
from engine.evaluation.visual import Visual
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
    (record,) = (tmp_path / "visual").iterdir()
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
        Visual("anywhere")


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
