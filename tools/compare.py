"""Trains and tests models side by side, and writes what came of it: RESULTS.md and results.html.

    python tools/compare.py -m models/multitask/results.yaml --matrix quick
    python tools/compare.py -m RESULTS.yaml --matrix full --only 'census/*' --list

A cell is one model on one data set from one seed. It runs as the commands that a person types,
each a process of its own: trainer.py, infer.py on every epoch for curves and for the choice of a
checkpoint, infer.py on the test rows for the chosen one alone. A cell that is finished is not run
again unless its YAML or options change; one that fails is recorded, and the others go on.
docs/results.md explains the YAML.

Errors (one line, exit code 2): a YAML that nobody can run; cells that failed, once all others are
done and the pages are written.
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
    parser = command_line.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-m", "--matrices_yaml", required=True, metavar="YAML")
    parser.add_argument("--matrix", metavar="NAME", help="one of the YAML's; default: the first")
    parser.add_argument(
        "--only",
        nargs="+",
        action="extend",
        default=[],
        metavar="PATTERN",
        help="run the cells data/model/seed that a pattern fits, such as 'census/MMoE/*'",
    )
    parser.add_argument(
        "--list", action="store_true", help="say what each cell's state is, no more"
    )
    parser.add_argument("--no_run", action="store_true", help="write the pages of what is there")
    return parser.parse_args()


def main() -> None:
    """Runs the command."""
    arguments = parsed_arguments()
    import paddle  # noqa: F401  (first: 2.6 silences the root logger when it is imported)

    from comparing import matrix as matrices
    from comparing import report, running
    from engine.system import folder_lock, interrupts, logs
    from engine.system.errors import UserError

    interrupts.catch(signal.SIGTERM)  # after Paddle, which has taken it
    logs.start_logging()
    matrix = matrices.load(arguments.matrices_yaml, arguments.matrix)
    chosen = matrix.chosen(arguments.only)
    for cell in chosen:
        running.configuration(cell)
    results = running.Results(matrix.results, matrix.threads)
    if arguments.list:
        for cell in chosen:
            record = results.read(cell)
            print(f"{'not run' if record is None else record['state']:<9} {cell.name}")
        return
    command = f"python tools/compare.py -m {_shown(arguments.matrices_yaml)} --matrix {matrix.name}"
    with folder_lock.locked(matrix.results):
        if not arguments.no_run:
            for number, cell in enumerate(chosen, 1):
                run_cell(results, cell, f"{number} of {len(chosen)}")
                report.write(matrix, results, command, pictures=False)
        report.write(matrix, results, command)
    records = [results.read(cell) for cell in chosen]
    failed = [one for one in records if one is not None and one["state"] == running.FAILED]
    if failed:
        first = failed[0]
        raise UserError(
            f"{len(failed)} of {len(chosen)} cells failed: {first['cell']}: {first['problem']}"
        )


def run_cell(results, cell, place: str) -> None:
    """Runs a cell unless it is finished, and says how it ended."""
    from comparing import figures, running

    record = results.read(cell)
    if record is not None and record["state"] == running.FINISHED:
        logger.info("%s (%s): finished before", cell.name, place)
        return
    logger.info("%s (%s): starts", cell.name, place)
    record = results.run(cell)
    if record["state"] == running.FAILED:
        logger.warning("%s failed: %s", cell.name, record["problem"])
        return
    shown = []
    for task, found in record["tasks"].items():
        metric = figures.main_metric([record], task)
        if metric and found[metric] is not None:
            shown.append(f"{task} {metric} {found[metric]:.4f}")
    logger.info(
        "%s: %.0f s, epoch %d, test %s",
        cell.name,
        record["seconds"],
        record["chosen_epoch"],
        ", ".join(shown),
    )


def _shown(path: str) -> str:
    """Returns a path as it is typed in the repository's root, where it lies in there."""
    from engine.model_folder.loading import REPOSITORY

    inside = os.path.relpath(os.path.abspath(path), REPOSITORY)
    return shlex.quote(path if inside.startswith("..") else inside)


if __name__ == "__main__":
    command_line.run(main)
