"""Compares predictions of every type of task with the best possible ones.

    python benchmarks/known_answers.py [-m YAML] [--seeds 3] [--missing 30] [-o key=value ...]

writes the table of datasets/example_table/typed.py with each seed, trains and evaluates
models/multitask/mmoe/config_typed.yaml on it, and compares the predictions of the test rows with
the labels' expected values. A line of the result is a task and a measure, with means and standard
deviations over the seeds: what the expected values reach on the same rows, and what the net
reaches. `--missing 30` also trains on a copy whose training file lacks 30 % of the labels of
`watch`, at random, and prints its values beside the others.

Errors (one line, exit code 2): an option or a key of the YAML is wrong; a training fails.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from datasets.example_table import typed  # noqa: E402
from datasets.preparing.command import Parser, integer_from  # noqa: E402

YAML = ROOT / "models" / "multitask" / "mmoe" / "config_typed.yaml"


def columns_of(path: Path) -> dict[str, np.ndarray]:
    """Returns the columns of a CSV file by name; numbers where all cells are."""
    with open(path, encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    found = {name: np.array(cells) for name, cells in zip(header, zip(*rows))}
    return {name: _numbers(cells) for name, cells in found.items()}


def _numbers(cells: np.ndarray) -> np.ndarray:
    try:
        return cells.astype(np.float64)
    except ValueError:
        return cells


def measures(labels: Mapping, predicted: Mapping) -> dict[str, float]:
    """Returns the measures of predictions, or of expected values, by task and name.

    Args:
        labels: the test file's columns.
        predicted: a column a task, ``rating_bad`` and so on for the classes.
    """
    from sklearn import metrics

    classes = np.stack([predicted[f"rating_{name}"] for name in typed.RATINGS], axis=1)
    classes = classes / classes.sum(axis=1, keepdims=True)  # files have rounded numbers
    rating = np.array([typed.RATINGS.index(name) for name in labels["rating"]])
    found = {
        "click: AUC": metrics.roc_auc_score(labels["click"], predicted["click"]),
        "click: log loss": metrics.log_loss(labels["click"], predicted["click"]),
        "rating: accuracy": float((classes.argmax(axis=1) == rating).mean()),
        "rating: log loss": metrics.log_loss(rating, classes, labels=range(len(typed.RATINGS))),
    }
    for task in ("comments", "watch", "spend"):
        found[f"{task}: R2"] = metrics.r2_score(labels[task], predicted[task])
        found[f"{task}: mean"] = float(predicted[task].mean())
    return found


def trained(yaml: Path, data: Path, folder: Path, options: Sequence[str]) -> dict[str, np.ndarray]:
    """Returns the predictions of a model that is trained on the data, in a new folder.

    Raises:
        subprocess.CalledProcessError: a command fails; it has printed why.
    """
    values = {
        "runner.train_data_dir": data / "train",
        "runner.test_data_dir": data / "test",
        "runner.model_save_path": folder,
        "runner.infer_load_path": folder,
    }
    given = [*(f"{key}={value}" for key, value in values.items()), *options]
    saved = folder / "predictions.csv"
    for command, more in (("trainer", []), ("infer", [f"runner.save_predictions={saved}"])):
        program = [sys.executable, str(ROOT / "tools" / f"{command}.py"), "-m", str(yaml)]
        subprocess.run([*program, "--quiet", "-o", *given, *more], check=True, stdout=sys.stderr)
    return columns_of(saved)


def compare(arguments: argparse.Namespace, folder: Path) -> list[tuple[str, ...]]:
    """Trains with every seed; returns the lines of the result, the first one with titles."""
    kinds = [0] + ([arguments.missing] if arguments.missing else [])
    best, reached = [], {missing: [] for missing in kinds}
    for seed in range(1, arguments.seeds + 1):
        for missing in kinds:
            data, output = folder / f"data-{seed}-{missing}", folder / f"output-{seed}-{missing}"
            with contextlib.redirect_stdout(sys.stderr):
                typed.write(data, seed, (arguments.train_rows, arguments.test_rows), missing)
            labels = columns_of(data / "test" / "test.csv")
            options = [f"runner.seed={seed}", *arguments.opt]
            predicted = trained(Path(arguments.config_yaml), data, output, options)
            reached[missing].append(measures(labels, predicted))
        best.append(measures(labels, columns_of(data / "test" / "_expected.csv")))
    titles = ["all labels", *(f"{missing} % of watch missing" for missing in kinds[1:])]
    lines = [("task: measure", "best possible", *titles)]
    for name in best[0]:
        groups = (best, *reached.values())
        lines.append((name, *(_spread([each[name] for each in group]) for group in groups)))
    return lines


def _spread(values: Sequence[float]) -> str:
    deviation = f" +- {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{deviation}"


def main() -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--config_yaml", default=str(YAML), help="default: %(default)s")
    for option, default in (("seeds", 3), ("train_rows", 40_000), ("test_rows", 10_000)):
        kind = {"type": integer_from(1), "default": default}
        parser.add_argument(f"--{option}", help="default: %(default)s", **kind)
    parser.add_argument(
        "--missing", type=typed.percent, default=0, help="percent of watch; default: 0"
    )
    parser.add_argument("-o", "--opt", nargs="+", default=[], help="keys of the YAML")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            lines = compare(arguments, Path(folder))
        except subprocess.CalledProcessError as error:
            program = os.path.basename(error.cmd[1])
            print(f"error: {program} ended with {error.returncode}", file=sys.stderr)
            return 2
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
