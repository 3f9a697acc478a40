"""Trains and tests models side by side and writes their results: RESULTS.md and results.html.

    python tools/compare.py -m models/multitask/results.yaml --matrix quick
    python tools/compare.py -m RESULTS.yaml --matrix full --only 'census/*' --list

A cell is one model on one data set with one seed. It runs the commands that a user would type,
each in its own process: trainer.py, infer.py on every epoch for curves and for the choice of a
checkpoint, and infer.py on the test set for the chosen checkpoint. A finished cell does not run
again unless its YAML or options change. A failed cell is recorded, and the other cells continue.
docs/results.md explains the YAML.

Errors (one line, exit code 2): a wrong YAML; missing packages; failed cells, after all other cells
have run and the pages are written.
"""

import argparse
import logging
import os
import shlex
import signal

from engine import command_line

logger = logging.getLogger("compare")


def parsed_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = command_line.Parser(__doc__)
    parser.add_argument(
        "-m", "--matrices_yaml", required=True, metavar="YAML", help="data sets, models, matrices"
    )
    parser.add_argument(
        "--matrix", metavar="NAME", help="a matrix of the YAML; default: the first one"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        action="extend",
        default=[],
        metavar="PATTERN",
        help="run only cells data/model/seed that match a pattern, such as 'census/MMoE/*'",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--list", action="store_true", help="show the state of each cell and run nothing"
    )
    instead.add_argument(
        "--no_run", action="store_true", help="write the pages again without running a cell"
    )
    return parser.parse_args()


def main() -> None:
    """Runs the command."""
    arguments = parsed_arguments()
    import paddle  # noqa: F401  (first: Paddle 2.6 silences the root logger when it is imported)

    from comparing import cell_run, matrix, report
    from comparing.results import FAILED, Results
    from engine.system import folder_lock, interrupts, logs, progress
    from engine.system.errors import UserError

    interrupts.catch(signal.SIGTERM)  # after the import of Paddle, which sets a handler too
    logs.start_logging(arguments.quiet)
    wanted = matrix.load(arguments.matrices_yaml, arguments.matrix)
    cells = wanted.select(arguments.only)
    for cell in cells:
        cell_run.configuration(cell)  # raises, if a cell cannot run
    results = Results(wanted.results, wanted.threads)
    if arguments.list:
        for cell in cells:
            record = results.read(cell)
            logs.show(f"{'not run' if record is None else record['state']:<9} {cell.name}")
        return
    yaml = _relative(arguments.matrices_yaml)
    command = f"python tools/compare.py -m {yaml} --matrix {wanted.name}"
    with folder_lock.locked(wanted.results):
        if not arguments.no_run:
            for number, cell in enumerate(cells, 1):
                progress.report("comparison", number - 1, len(cells), "cells")
                run_cell(results, cell, f"{number} of {len(cells)}")
                report.write(wanted, results, command, html=False)
        progress.report("comparison", None)
        report.write(wanted, results, command)
    records = [results.read(cell) for cell in cells]
    failed = [record for record in records if record is not None and record["state"] == FAILED]
    if failed:
        first = failed[0]
        count = f"{len(failed)} of {len(cells)} cells failed"
        raise UserError(f"{count}; the first: {first['cell']}: {first['problem']}")


def run_cell(results, cell, number: str) -> None:
    """Runs a cell unless it is finished, and logs its result.

    Args:
        results: the results of all cells.
        cell: the cell.
        number: its number, for the log.
    """
    from comparing import figures
    from comparing.results import FAILED, FINISHED

    record = results.read(cell)
    if record is not None and record["state"] == FINISHED:
        logger.info("%s (%s): already finished", cell.name, number)
        return
    logger.info("%s (%s): started", cell.name, number)
    record = results.run(cell)
    if record["state"] == FAILED:
        logger.warning("%s: failed: %s", cell.name, record["problem"])
        return
    tested = []
    for task, metrics in record["tasks"].items():
        name = figures.main_metric([record], task)
        if name and metrics[name] is not None:
            tested.append(f"{task} {name} {metrics[name]:.4f}")
    text = "%s: finished in %.0f s; epoch %d on the test set: %s"
    logger.info(text, cell.name, record["seconds"], record["chosen_epoch"], ", ".join(tested))


def _relative(path: str) -> str:
    """Returns a path for a shell: relative to the repository, if it is inside it."""
    from engine.model_folder.loading import REPOSITORY

    relative = os.path.relpath(os.path.abspath(path), REPOSITORY)
    return shlex.quote(path if relative.startswith("..") else relative)


if __name__ == "__main__":
    command_line.run(main)
