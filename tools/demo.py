"""Trains and evaluates every model on its sample and ends with one table.

    python tools/demo.py

The same as tools/trainer.py and tools/infer.py with each folder's config.yaml. The metrics are
those of the last epoch on the test sample; rows/s is training speed at the sample's batch size.
"""

import argparse
import glob
import os

from engine import cli, contract


def main() -> None:
    """Runs the command."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    from engine import loop
    from engine.sessions import open_session

    table = []
    pattern = os.path.join(contract.REPOSITORY, "models", "multitask", "*", "config.yaml")
    for path in sorted(glob.glob(pattern)):
        options = argparse.Namespace(config_yaml=path, opt=["runner.print_interval=100"])
        config = cli.read_config(options)
        session = open_session(config, "dygraph", training=True)
        trained = loop.train(session, config, loop.training_source(config))
        tested = loop.evaluate(session, config, loop.test_source(config))
        last = tested.metrics[max(tested.metrics)]
        values = {name: f"{value:.4f}" for name, value in last.items()}
        values["rows/s"] = f"{trained.rows / trained.seconds:.0f}"
        table.append({"model": os.path.basename(os.path.dirname(path)), **values})
    columns = list(dict.fromkeys(name for row in table for name in row))
    for row in [dict(zip(columns, columns)), *table]:
        print("  ".join(f"{row.get(name, ''):>12}" for name in columns))


if __name__ == "__main__":
    cli.run(main)
