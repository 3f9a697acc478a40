"""Evaluates the static checkpoints of a model.

    python tools/static_infer.py -m models/multitask/mmoe/config.yaml -o runner.print_interval=10

Evaluates all rows of runner.test_data_dir, for each epoch from runner.infer_start_epoch to
runner.infer_end_epoch - 1. With runner.infer_checkpoint: best it evaluates the best checkpoint
instead. If there is no static checkpoint, the dygraph one is used.
"""

from engine import command_line, commands


def main() -> None:
    """Runs the command."""
    arguments = command_line.parser(__doc__).parse_args()
    from engine.checkpoints import choice

    config = commands.read_config(arguments, choice.evaluated("rec_static"), "static")
    commands.evaluate(config, "static")


if __name__ == "__main__":
    command_line.run(main)
