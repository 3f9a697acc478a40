"""Trains a model in static graph.

    python tools/static_trainer.py -m models/multitask/mmoe/config.yaml -o runner.print_interval=10

Reads the reader, data, batch size and epochs of the YAML's runner section, and saves a checkpoint
after every epoch to runner.model_save_path/<epoch>/rec_static.*; with runner.valid_data_dir it
evaluates as it goes, and saves the best one to runner.model_save_path/best/rec_static.*
"""

from engine import command_line, commands


def main() -> None:
    """Runs the command."""
    arguments = command_line.parser(__doc__).parse_args()
    commands.train(commands.read_config(arguments, graph="static"), "static")


if __name__ == "__main__":
    command_line.run(main)
