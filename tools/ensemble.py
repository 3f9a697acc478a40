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

from engine import command_line
from engine.evaluation import ensemble

if __name__ == "__main__":
    command_line.run(lambda: ensemble.main(__doc__))
