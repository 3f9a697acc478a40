"""Evaluates the dygraph checkpoints of a model.

    python tools/infer.py -m models/multitask/mmoe/config.yaml -o runner.print_interval=10

Every row of runner.test_data_dir counts, for each epoch from runner.infer_start_epoch up to
runner.infer_end_epoch, or for the best one (runner.infer_checkpoint: best); a static checkpoint
serves where there is no dygraph one.
"""

from engine import command_line

if __name__ == "__main__":
    command_line.run(lambda: command_line.evaluate(__doc__, "dygraph"))
