"""Measures training and evaluation: rows/s, where a step's time goes, peak memory, first runs.

    python tools/benchmark.py -m models/multitask/mmoe/config_bigdata.yaml --batch_size 32 1024
    python tools/benchmark.py -m CONFIG --mode train --against ../other/tools "python x.py {data}"

Each case, a combination of mode, graph, threads, batch size and data, runs --repeat times: the
very command of this folder, in a process of its own, into a temporary folder. rows/s is the
steady state: reading, steps, metrics and log lines, without the first batches and without saving.
The phases come from a short run beside the timed ones, because splitting a step slows it down.
What --against names runs on the same data in turn, A B A B. docs/performance.md explains all.

Errors (one line, exit code 2): bad options or configuration; a run that fails.
"""

import argparse
import os
import signal
import tempfile
from datetime import datetime, timezone

from tqdm import tqdm

from benchmarking import figures, table
from benchmarking.cases import MODES, PARSED, Case, cases_of, folders_of
from benchmarking.contestants import Contestant, contestant
from benchmarking.meter import WARM_UP
from benchmarking.provenance import commit
from benchmarking.tools_folder import ToolsFolder
from engine import command_line
from engine.graphs.opening import GRAPHS
from engine.system import interrupts
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
    parser.add_argument("--batch_size", default=[32, 1024], help="rows", **several, **positive)
    parser.add_argument("--graph", choices=GRAPHS, default=["dygraph"], **several)
    parser.add_argument("--threads", default=[1], **several, **positive)
    parser.add_argument("--epochs", default=1, help="of training; default: 1", **positive)
    parser.add_argument(
        "--batches", help="of each epoch, in runs of tools folders; default: all", **positive
    )
    parser.add_argument("--repeat", default=3, help="runs of each case; default: 3", **positive)
    parser.add_argument(
        "--first_run", action="store_true", help="also on data that nobody has parsed"
    )
    parser.add_argument(
        "--against",
        default=[],
        metavar="X",
        help="tools folders or quoted command lines to take turns with",
        **several,
    )
    parser.add_argument(
        "--split_batches",
        type=command_line.at_least(0),
        default=200,
        metavar="N",
        help="batches of the run that splits a step; 0 for none; default: 200",
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    if len(arguments.against) > len(_LETTERS):
        raise UserError(f"--against takes up to {len(_LETTERS)} others")
    if arguments.json:
        check_writable(arguments.json)
    return arguments


def check_writable(path: str) -> None:
    """Makes sure, before anything is measured, that a file can be written.

    Raises:
        UserError: it cannot.
    """
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path) or not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise UserError(f"--json {path}: cannot be written")


def measure(
    case: Case, contestants: list[Contestant], repeat: int, workspace: str
) -> dict[str, object]:
    """Runs a case with all in turn and returns its figures."""
    taking_part = [one for one in contestants if one.covers(case)]
    runs = {id(one): [] for one in taking_part}
    for _ in tqdm(range(repeat), desc="runs of a case", leave=False, disable=None):
        for one in taking_part:
            with tempfile.TemporaryDirectory(dir=workspace) as place:
                run = one.run(case.fresh(place), place)
            rows = None if one is contestants[0] else runs[id(contestants[0])][-1].rows
            runs[id(one)].append(figures.completed(run, rows))
    mine = runs[id(contestants[0])]
    found = {
        **{name: getattr(case, name) for name in ("mode", "graph", "threads", "batch_size")},
        **{name: getattr(case, name) for name in ("data", "epochs", "batches")},
        **figures.summary(mine),
        "paddle": mine[0].more["paddle"],
        "against": [],
    }
    for letter, one in zip(_LETTERS, contestants[1:]):
        if one in taking_part:
            other = runs[id(one)]
            named = {"letter": letter, "name": one.name, **figures.summary(other)}
            found["against"].append({**named, "ratio": figures.ratios(mine, other)})
    return found


def measure_all(arguments: argparse.Namespace, workspace: str) -> None:
    """Measures all cases, printing and writing as it goes."""
    from engine.config.load import load_config
    from engine.deployment.inference import benchmark_report
    from engine.model_folder import loading
    from engine.system import environment

    config = load_config(arguments.config_yaml, arguments.opt, loading.hyper_parameters)
    interrupts.catch(signal.SIGTERM)  # after Paddle, which takes it
    folders = folders_of(config, arguments.mode)
    given = arguments.mode, arguments.graph, arguments.threads, arguments.batch_size
    cases = cases_of(*given, arguments.first_run, arguments.epochs, arguments.batches, folders)
    mine = ToolsFolder(_HERE, config.yaml_path, arguments.opt, workspace)
    others = [
        contestant(text, config.yaml_path, arguments.opt, workspace) for text in arguments.against
    ]
    for one in (mine, *others):
        one.prepare(cases)
    print(f"A = {mine.name}, commit {commit(_HERE) or 'unknown'}")
    for letter, one in zip(_LETTERS, others):
        print(f"{letter} = {one.name}")
    print(table.case_header(), flush=True)
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
        found = measure(case, [mine, *others], arguments.repeat, workspace)
        if arguments.split_batches and case.data == PARSED:
            found.update(mine.phases(case, arguments.split_batches))
        report["cases"].append(found)
        print(table.case_line(number, found), flush=True)
        if arguments.json:
            benchmark_report.save(report, arguments.json)
    if arguments.split_batches:
        print("\nmilliseconds of a step, split in a run of its own, which the split slows down")
        print("\n".join(table.phases_table(report["cases"])))
    if others:
        print("\nthe others, and how many times as fast A is: steady state, then whole process")
        print("\n".join(table.against_table(report["cases"])))


def main() -> None:
    """Runs the command."""
    arguments = parsed_arguments()
    with tempfile.TemporaryDirectory(prefix="paddlemtl-benchmark-") as workspace:
        measure_all(arguments, workspace)


if __name__ == "__main__":
    command_line.run(main)
