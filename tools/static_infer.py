"""Evaluates the static checkpoints of a model.

    python tools/static_infer.py -m models/multitask/mmoe/config.yaml -o runner.print_interval=10

Every row of runner.test_data_dir counts, for each epoch from runner.infer_start_epoch up to
runner.infer_end_epoch, or for the best one (runner.infer_checkpoint: best); a dygraph checkpoint
serves where there is no static one.
"""

from engine import command_line, commands


def main() -> None:
    """Runs the command."""
    arguments = command_line.parser(__doc__).parse_args()
    from engine.data import encoding

    config = commands.read_config(arguments, encoding.to_evaluate, "static")
    commands.evaluate(config, "static")


if __name__ == "__main__":
    command_line.run(main)
