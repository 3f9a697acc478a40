"""Trains a model in dygraph.

    python tools/trainer.py -m models/multitask/mmoe/config.yaml -o runner.print_interval=10

Reads the reader, data, batch size and epochs of the YAML's runner section, and saves a checkpoint
after every epoch to runner.model_save_path/<epoch>/rec.*
"""

from engine import cli


def main() -> None:
    """Runs the command."""
    arguments = cli.parser(__doc__).parse_args()
    from engine import loop
    from engine.dygraph import DygraphSession

    config = cli.read_config(arguments)
    source = loop.training_source(config)
    loop.train(DygraphSession(config), config, source)


if __name__ == "__main__":
    cli.run(main)
