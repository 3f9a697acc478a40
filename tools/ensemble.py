"""Evaluates an ensemble: the mean of the predictions of several dygraph checkpoints.

    python tools/ensemble.py -m models/multitask/mmoe/config.yaml --runs output_1 output_2 output_3

Each folder of --runs (relative to the current one) is the runner.model_save_path of a run, for
example with another seed. Of each run, ensemble.py uses the checkpoint that infer.py would
evaluate: best with runner.infer_checkpoint: best, else the one epoch from runner.infer_start_epoch
to runner.infer_end_epoch - 1. All rows of runner.test_data_dir are evaluated. The log has
runner.metrics of each run and of the mean (default: auc and logloss). runner.save_predictions
saves the mean predictions, and runner.save_metrics the metrics.

Errors (one line, exit code 2): fewer than two runs, or one that is listed twice; a run without
such a checkpoint, or with several; a checkpoint that does not fit the YAML's model or tasks, or
that was trained with another vocabulary.
"""

import os

from engine import command_line, commands
from engine.config.config import Config
from engine.system import paths
from engine.system.errors import UserError


def main() -> None:
    """Runs the command."""
    parser = command_line.parser(__doc__)
    parser.add_argument(
        "--runs", nargs="+", required=True, metavar="FOLDER", help="folders of the runs"
    )
    arguments = parser.parse_args()
    runs = [os.path.abspath(paths.expand_home(run)) for run in arguments.runs]
    if len(runs) < 2 or len(set(runs)) < len(runs):
        raise UserError("--runs: expected at least two different folders")
    arguments.opt.append(f"runner.infer_load_path={runs[0]}")  # all runs must have its vocabulary
    from engine.checkpoints import choice
    from engine.data import sources
    from engine.evaluation import ensemble, measurements, predictions
    from engine.graphs import opening

    folders: list[str] = []

    def used(config: Config) -> choice.Used:
        folders.extend(ensemble.checkpoint(config, run) for run in runs)
        return choice.announce("averaging", folders, "rec")

    config = commands.read_config(arguments, used)
    output, report = config.runner("save_predictions"), config.runner("save_metrics")
    if output:
        predictions.check(output)
    measurements.check(config)
    source = sources.evaluation_source(config)
    session = opening.open_session(config, "dygraph", training=False)
    means, measured = ensemble.evaluate(session, config, source, folders)
    if output:
        predictions.write(output, means)
    if report:
        about = measurements.about(config, session, "ensemble")
        measurements.write(report, {**about, **measured})


if __name__ == "__main__":
    command_line.run(main)
