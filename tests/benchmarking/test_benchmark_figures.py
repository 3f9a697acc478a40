"""Medians, ratios and tables, computed by hand."""

import pytest

import benchmark
from benchmarking import figures, table
from benchmarking.cases import PARSED, Case
from benchmarking.command_line import CommandLine
from benchmarking.runs import Run


def runs(*rates):
    return [Run(100 / rate, 1.0, 300.0, 1000, rate) for rate in rates]


def test_median_and_spread():
    found = figures.summary(runs(10.0, 30.0, 20.0))
    assert found["rows_per_second"] == {
        "median": 20.0,
        "lowest": 10.0,
        "highest": 30.0,
        "runs": [10.0, 30.0, 20.0],
    }
    assert found["whole_process_seconds"]["median"] == 5
    assert found["whole_process_rows_per_second"]["highest"] == pytest.approx(300)
    assert found["ms_per_step"] is None  # no run reports it


def test_a_ratio_is_of_medians_and_lists_successive_runs():
    found = figures.ratios(runs(10.0, 30.0, 20.0), runs(10.0, 10.0, 5.0))["rows_per_second"]
    assert found == {"of_medians": 2.0, "lowest": 1.0, "highest": 4.0, "turns": [1.0, 3.0, 4.0]}


def test_a_ratio_by_processor_time_ignores_elapsed_time():
    mine, theirs = Run(9.0, 2.0, 1.0, 100), Run(5.0, 5.0, 1.0, 50)
    assert figures.ratios([mine], [theirs])["rows_per_cpu_second"]["of_medians"] == 5


def test_a_figure_that_one_side_lacks_has_no_ratio():
    silent = [Run(1.0, 1.0, 300.0) for _ in range(2)]
    found = figures.ratios(runs(10.0, 20.0), silent)
    assert set(found.values()) == {None}


def test_rows_and_logged_seconds_complete_a_run():
    run = figures.complete(Run(9.0, 1.0, 300.0, extra={"epoch_seconds": 4.0}), 1000)
    assert (run.rows, run.rows_per_second) == (1000, 250)
    said = figures.complete(Run(9.0, 1.0, 300.0, 10, 7.0, {"epoch_seconds": 0.0}), 1000)
    assert (said.rows, said.rows_per_second) == (10, 7)


def test_tables_of_large_figures_fit_into_100_columns():
    case = {
        **figures.summary(
            [Run(12345.6, 1.0, 99999.0, 10**9, 1234567.8, {"ms_per_step": 1234.567})]
        ),
        "mode": "train",
        "graph": "dygraph",
        "threads": 128,
        "batch_size": 65536,
        "data": "parsed",
        "phases_ms": {"read": 1234.567},
        "split_ms_per_step": 123.456,
    }
    other = {"letter": "B", **case, "ratio": figures.ratios(runs(5000.0), runs(10.0))}
    case["against"] = [other]
    lines = [table.case_header(), table.case_line(12, case)]
    lines += table.phases_table([case]) + table.against_table([case])
    assert max(map(len, lines)) <= 100
    for header, line in ((lines[0], lines[1]), (lines[2], lines[3])):
        assert len(header) == len(line)
    assert [len(line.split()) for line in lines] == [
        16,
        14,
        12,
        12,
        12,
        14,
        13,
    ]  # "whole s", "own MB"


class Program:
    """A stand-in for a program; ``rates`` are the speeds of its runs."""

    def __init__(self, name, rates, phases, evaluates=True):
        self.name, self._rates, self._phases, self._evaluates = name, iter(rates), phases, evaluates

    def covers(self, case):
        return self._evaluates

    def run(self, case, folder):
        return Run(1.0, 1.0, 300.0, 100, next(self._rates), {"paddle": "3.3"})

    def phases(self, case, batches):
        return {"phases_ms": {"read": self._phases}, "split_ms_per_step": 2.0} if batches else {}


def test_programs_alternate_and_each_has_its_phases(tmp_path):
    case = Case("eval", "dygraph", 1, 32, PARSED, 1, None, {})
    programs = [
        Program("mine", [10.0, 20.0, 30.0], 0.5),
        Program("command", [], None, evaluates=False),
        Program("other", [5.0, 5.0, 5.0], 0.75),
    ]
    measured = benchmark.measure("case 1 of 1", case, programs, 3, 7, str(tmp_path))
    (other,) = measured["against"]
    assert (other["letter"], other["name"]) == ("C", "other")
    assert other["ratio"]["rows_per_second"]["turns"] == [2.0, 4.0, 6.0]
    assert (measured["phases_ms"], other["phases_ms"]) == ({"read": 0.5}, {"read": 0.75})
    lines = [line.split()[:3] for line in table.phases_table([measured])[1:]]
    assert lines == [["1", "A", "0.500"], ["1", "C", "0.750"]]


@pytest.mark.parametrize("stream", ["1", "2"])
def test_epochs_are_timed_by_log_lines_on_either_stream(stream, tmp_path):
    line = "- INFO - epoch: {} done, auc_a: 0.5, epoch time: {} s"
    lines = [line.format(0, "1.50"), line.format(1, "0.25")]
    command = f"sh -c \"printf '%s\\n' '{lines[0]}' '{lines[1]}' >&{stream}\" {{data}}"
    case = Case("train", "dygraph", 1, 32, PARSED, 2, None, {"train": ["rows"]})
    run = CommandLine(command).run(case, str(tmp_path))
    assert run.extra["epoch_seconds"] == 1.75
