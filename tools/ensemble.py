"""Evaluates several dygraph checkpoints of a model as one: the mean of what they predict.

    python tools/ensemble.py -m models/multitask/mmoe/config.yaml --runs output_1 output_2 output_3

Each folder of --runs (relative to the current one) is a training's runner.model_save_path, from a
seed of its own, say. Its checkpoint is the one that infer.py would evaluate there: best, with
runner.infer_checkpoint: best, or the one epoch from runner.infer_start_epoch up to
runner.infer_end_epoch. Every row of runner.test_data_dir counts. Lines say runner.metrics (auc and
logloss if not set) of each run and of the mean; runner.save_predictions keeps the means, and
runner.save_metrics the figures.

Errors (one line, exit code 2): a run without that checkpoint, with several, or with one that does
not fit the YAML's model or its tasks, or was trained with another vocabulary; fewer than two runs;
one twice.
"""

import os

from engine import command_line, commands
from engine.system.errors import UserError


def main() -> None:
    """Runs the command."""
    parser = command_line.parser(__doc__)
    parser.add_argument(
        "--runs", nargs="+", required=True, metavar="FOLDER", help="folders of checkpoints"
    )
    arguments = parser.parse_args()
    runs = [os.path.abspath(os.path.expanduser(run)) for run in arguments.runs]
    if len(runs) < 2 or len(set(runs)) < len(runs):
        raise UserError("--runs: expected at least two folders, each once")
    arguments.opt.append(f"runner.infer_load_path={runs[0]}")  # all runs share its vocabulary
    from engine.data import encoding, sources
    from engine.evaluation import ensemble, measurements, predictions
    from engine.graphs import opening
    from engine.system import atomic_files

    config = commands.read_config(arguments, encoding.to_evaluate)
    folders = [ensemble.checkpoint(config, run) for run in runs]
    output, report = config.runner("save_predictions"), config.runner("save_metrics")
    if output:
        predictions.check(output)
    measurements.check(config)
    source = sources.test_source(config)
    session = opening.open_session(config, "dygraph", training=False)
    means, figures = ensemble.evaluate(session, config, source, folders)
    if output:
        predictions.write(output, means)
    if report:
        about = measurements.about(config, session, "ensemble")
        atomic_files.write_json(report, {**about, **figures})


if __name__ == "__main__":
    command_line.run(main)
