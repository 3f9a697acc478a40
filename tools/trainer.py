"""Trains a model in dygraph.

    python tools/trainer.py -m models/multitask/mmoe/config.yaml -o runner.print_interval=10

The YAML's runner section names the reader, the data, the batch size and the epochs. After each
epoch a checkpoint is saved to runner.model_save_path/<epoch>/rec.*. With runner.valid_data_dir the
model is also evaluated, and the best checkpoint is saved to runner.model_save_path/best/rec.*.
"""

from engine import command_line, commands


def main() -> None:
    """Runs the command."""
    arguments = command_line.parser(__doc__).parse_args()
    commands.train(commands.read_config(arguments, graph="dygraph"), "dygraph")


if __name__ == "__main__":
    command_line.run(main)
