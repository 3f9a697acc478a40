"""Trains a model in static graph.

    python tools/static_trainer.py -m models/multitask/mmoe/config.yaml -o runner.print_interval=10

Reads the reader, data, batch size and epochs of the YAML's runner section, and saves a checkpoint
after every epoch to runner.model_save_path/<epoch>/rec_static.*
"""

from engine import cli


def main() -> None:
    """Runs the command."""
    arguments = cli.parser(__doc__).parse_args()
    from engine import loop
    from engine.static import StaticSession

    config = cli.read_config(arguments)
    source = loop.training_source(config)
    loop.train(StaticSession(config, training=True), config, source)


if __name__ == "__main__":
    cli.run(main)
