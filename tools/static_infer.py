"""Evaluates the static checkpoints of a model.

    python tools/static_infer.py -m models/multitask/mmoe/config.yaml -o runner.print_interval=10

Every row of runner.test_data_dir counts, for each epoch from runner.infer_start_epoch up to
runner.infer_end_epoch; a dygraph checkpoint serves where there is no static one.
"""

from engine import cli


def main() -> None:
    """Runs the command."""
    arguments = cli.parser(__doc__).parse_args()
    from engine import loop
    from engine.static import StaticSession

    config = cli.read_config(arguments)
    source = loop.test_source(config)
    loop.evaluate(StaticSession(config, training=False), config, source)


if __name__ == "__main__":
    cli.run(main)
