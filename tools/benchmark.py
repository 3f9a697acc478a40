"""Measures training and evaluation: rows/s, the phases of a step, peak memory and first runs.

    python tools/benchmark.py -m models/multitask/mmoe/config_bigdata.yaml --batch_size 32 1024
    python tools/benchmark.py -m CONFIG --mode train --against ../other/tools "python x.py {data}"

A case is a combination of mode, graph, threads, batch size and data. It runs --repeat times. Each
run starts trainer.py, infer.py or their static forms in a new process with a temporary output
folder. rows/s is the steady state: reading, steps, metrics and log lines, without the first batches
and without saving. The phases come from an extra run, because their clock slows a step down. The
programs of --against run alternately on the same data, A B A B. docs/performance.md explains the
figures.

Errors (one line, exit code 2): bad options or configuration; a run that fails.
"""

import argparse
import os
import signal
import tempfile
from datetime import datetime, timezone

from benchmarking import figures, table
from benchmarking.cases import GRAPHS, MODES, PARSED, Case, all_cases, data_folders
from benchmarking.meter import WARM_UP
from benchmarking.programs import Program, program
from benchmarking.provenance import commit
from benchmarking.tools_folder import ToolsFolder
from engine import command_line
from engine.system import interrupts, logs, progress
from engine.system.errors import UserError

_HERE = os.path.dirname(os.path.abspath(__file__))
_LETTERS = "BCDEFGHIJKLMNOPQRSTUVWXYZ"


def parsed_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = command_line.parser(__doc__)
    several, positive = {"nargs": "+"}, {"type": command_line.at_least(1), "metavar": "N"}
    parser.add_argument(
        "--mode", choices=MODES, default=list(MODES), help="default: both", **several
    )
    parser.add_argument(
        "--batch_size",
        default=[32, 1024],
        help="rows of a batch; default: 32 1024",
        **several,
        **positive,
    )
    parser.add_argument(
        "--graph", choices=GRAPHS, default=["dygraph"], help="default: dygraph", **several
    )
    parser.add_argument("--threads", default=[1], help="default: 1", **several, **positive)
    parser.add_argument("--epochs", default=1, help="epochs of training; default: 1", **positive)
    parser.add_argument(
        "--batches",
        help="batches of each epoch after the warm-up, for tools folders only; default: all",
        **positive,
    )
    parser.add_argument("--repeat", default=3, help="runs of each case; default: 3", **positive)
    parser.add_argument(
        "--first_run", action="store_true", help="also measure on data without parsed copies"
    )
    parser.add_argument(
        "--against",
        default=[],
        metavar="X",
        help="tools folders or quoted command lines that run alternately with this folder",
        **several,
    )
    parser.add_argument(
        "--split_batches",
        type=command_line.at_least(0),
        default=200,
        metavar="N",
        help="batches of the run that measures the phases of a step; 0: no such run; default: 200",
    )
    parser.add_argument("--json", metavar="FILE", help="write all figures to this file")
    arguments = parser.parse_args()
    if len(arguments.against) > len(_LETTERS):
        found = len(arguments.against)
        raise UserError(f"--against: expected at most {len(_LETTERS)} programs, found {found}")
    if arguments.json:
        check_writable(arguments.json)
    return arguments


def check_writable(path: str) -> None:
    """Checks that a file can be written, before anything is measured.

    Raises:
        UserError: it cannot be written.
    """
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path) or not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise UserError(f"--json {path}: the file cannot be written")


def measure(
    title: str,
    case: Case,
    programs: list[Program],
    repeat: int,
    split_batches: int,
    workspace: str,
) -> dict[str, object]:
    """Runs a case alternately with all programs and returns its figures.

    Args:
        title: names the case in the progress.
        case: the case.
        programs: this tools folder, then the programs of ``--against``.
        repeat: runs of each program.
        split_batches: batches of the run that measures phases; 0 for no such run.
        workspace: a folder for temporary folders.
    """
    runs = [[] for _ in programs]
    for repetition in range(repeat):
        for number, each in enumerate(programs):
            done = repetition * len(programs) + number
            progress.report(title, done, repeat * len(programs), "runs")
            if each.covers(case):
                with tempfile.TemporaryDirectory(dir=workspace) as folder:
                    run = each.run(case.with_data(folder), folder)
                rows = runs[0][-1].rows if number else None
                runs[number].append(figures.complete(run, rows))
    progress.report(title, None)
    mine, *others = runs
    measured = {
        **{name: getattr(case, name) for name in ("mode", "graph", "threads", "batch_size")},
        **{name: getattr(case, name) for name in ("data", "epochs", "batches")},
        **figures.summary(mine),
        "paddle": mine[0].extra["paddle"],
        "against": [],
    }
    for letter, each, other in zip(_LETTERS, programs[1:], others):
        if other:
            summary = {"letter": letter, "name": each.name, **figures.summary(other)}
            measured["against"].append({**summary, "ratio": figures.ratios(mine, other)})
    if split_batches and case.data == PARSED:
        measured.update(programs[0].phases(case, split_batches))
        covering = [each for each in programs[1:] if each.covers(case)]
        for entry, each in zip(measured["against"], covering):
            entry.update(each.phases(case, split_batches))
    return measured


def measure_all(arguments: argparse.Namespace, workspace: str) -> None:
    """Measures all cases; prints and writes the figures after each case."""
    from engine.config.load import load_config
    from engine.deployment.inference import benchmark_report
    from engine.model_folder import loading
    from engine.system import environment

    logs.start_logging(arguments.quiet)
    config = load_config(arguments.config_yaml, arguments.opt, loading.hyper_parameters)
    interrupts.catch(signal.SIGTERM)  # after the import of Paddle, which sets a handler too
    folders = data_folders(config, arguments.mode)
    settings = arguments.mode, arguments.graph, arguments.threads, arguments.batch_size
    cases = all_cases(*settings, arguments.first_run, arguments.epochs, arguments.batches, folders)
    mine = ToolsFolder(_HERE, config.yaml_path, arguments.opt, workspace)
    others = [
        program(text, config.yaml_path, arguments.opt, workspace) for text in arguments.against
    ]
    for each in (mine, *others):
        each.prepare(cases)
    logs.show(f"A = {mine.name}, commit {commit(_HERE) or 'unknown'}")
    for letter, each in zip(_LETTERS, others):
        logs.show(f"{letter} = {each.name}")
    logs.show(table.case_header())
    report = {
        "yaml": config.yaml_path,
        "overrides": arguments.opt,
        "seed": config.runner("seed"),
        "commit": commit(_HERE),
        "measured_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "repeat": arguments.repeat,
        "warm_up_batches": WARM_UP,
        "environment": environment.describe(),
        "cases": [],
    }
    for number, case in enumerate(cases, 1):
        options = arguments.repeat, arguments.split_batches
        title = f"case {number} of {len(cases)}"
        measured = measure(title, case, [mine, *others], *options, workspace)
        report["cases"].append(measured)
        logs.show(table.case_line(number, measured))
        if arguments.json:
            benchmark_report.save(report, arguments.json)
    if arguments.split_batches:
        logs.show(
            "\nmilliseconds of each phase of a step; from an extra run, whose clock slows it down"
        )
        logs.show("\n".join(table.phases_table(report["cases"])))
    if arguments.json:
        logs.wrote("all figures", arguments.json)
    if others:
        title = "other programs, and how many times as fast A is: steady state, then whole process"
        logs.show(f"\n{title}")
        logs.show("\n".join(table.against_table(report["cases"])))


def main() -> None:
    """Runs the command."""
    arguments = parsed_arguments()
    with tempfile.TemporaryDirectory(prefix="paddlemtl-benchmark-") as workspace:
        measure_all(arguments, workspace)


if __name__ == "__main__":
    command_line.run(main)
