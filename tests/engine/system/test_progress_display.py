"""Progress is a bar in a terminal, elsewhere a line every few seconds; short work is silent."""

import io
import logging
import re
import sys

import pytest

from engine.system import progress


class Terminal(io.StringIO):
    """Standard error of a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """The time in seconds, which a test sets: ``clock[0] = 5``."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def lines(caplog, monkeypatch, clock):
    """Reports at given times and returns the lines of the log."""
    reports = logging.getLogger("progress")
    before = reports.handlers[:], reports.level, reports.propagate
    caplog.set_level("INFO")
    progress.Display().start()

    def run(*steps):
        for seconds, *report in steps:
            clock[0] = 100.0 + seconds
            progress.report(*report)
        return caplog.messages

    yield run
    reports.handlers[:], reports.level, reports.propagate = before


def test_short_work_is_silent(lines):
    assert not lines((0, "a", 0, 10), (1.9, "a", 9, 10), (2, "a", None))


def test_lines_have_the_share_and_the_seconds_left(lines):
    steps = [(second, "parsing x", second * 2_500_000, 40_000_000, "bytes") for second in range(16)]
    assert lines(*steps, (16, "parsing x", None)) == [
        "parsing x: 5.0 of 40.0 MB, 12 %, 14 s left",
        "parsing x: 17.5 of 40.0 MB, 44 %, 9 s left",
        "parsing x: 30.0 of 40.0 MB, 75 %, 4 s left",
        "parsing x: done in 16 s",
    ]


def test_many_short_parts_are_long_work(lines):
    steps = []
    for second in range(4):
        steps += [(second, f"file {second}", 0, 9), (second + 0.9, f"file {second}", None)]
    assert lines(*steps) == ["file 2: 0 of 9 rows, 0 %"]


def test_without_a_total(lines):
    steps = [(second, "reading", second * 1000) for second in (0, 3)]
    assert lines(*steps) == ["reading: 3,000 rows so far"]


def test_work_of_hours_has_fewer_lines(lines):
    steps = [(second, "search", second / 600, 30, "trials") for second in range(0, 18000, 5)]
    found = lines(*steps)
    assert found[0] == "search: 0.0 of 30 trials, 0 %, 300 min left".replace("300 min", "5.0 h")
    assert found[-1].endswith("min left")
    assert 20 < len(found) < 120  # a line every 5 s would be 3600


def test_a_long_wait_repeats_the_last_report(lines, clock):
    lines((0, "comparison", 1, 4, "cells"))
    clock[0] += 60
    progress.repeat()
    assert lines() == ["comparison: 1 of 4 cells, 25 %"]
    lines((61, "comparison", None))
    clock[0] += 60
    progress.repeat()  # nothing runs
    assert len(lines()) == 2


def test_other_processes_and_quiet_commands_show_nothing(lines):
    logging.getLogger().setLevel("WARNING")
    assert not lines((0, "a", 0, 10), (9, "a", 9, 10), (10, "a", None))


@pytest.mark.parametrize("bars", [True, False])
def test_a_terminal_shows_a_bar(lines, monkeypatch, bars):
    monkeypatch.setattr(sys, "stderr", Terminal())
    progress.Display(bars).start()
    found = lines((0, "parsing x", 0, 10), (3, "parsing x", 6, 10), (4, "parsing x", None))
    shown = re.split(r"[\r\n]+", sys.stderr.getvalue())
    assert any(re.match(r"parsing x: +60%.* 6/10 ", line) for line in shown) == bars
    assert found[-1] == "parsing x: done in 4 s"
    assert not shown[-1].strip()  # the bar is removed
