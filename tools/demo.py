"""Trains and evaluates every model on its sample and prints one table.

    python tools/demo.py

It does what tools/trainer.py and tools/infer.py do with config.yaml of each folder in
models/multitask, but saves the checkpoints in a temporary folder. The metrics are those of the
model, on the test sample after the last epoch. rows/s is the speed of training at the batch size of
the sample.
"""

import argparse
import glob
import os
import tempfile

from engine import command_line, commands
from engine.model_folder import loading


def run_sample(yaml: str) -> list[str]:
    """Trains and evaluates one model; returns its name, rows a second and metrics."""
    from engine.data import sources
    from engine.evaluation import evaluator
    from engine.graphs.opening import open_session
    from engine.training import loop

    with tempfile.TemporaryDirectory() as output:
        overrides = ["runner.print_interval=100", f"runner.model_save_path={output}"]
        overrides.append(f"runner.infer_load_path={output}")
        config = commands.read_config(argparse.Namespace(config_yaml=yaml, opt=overrides))
        session = open_session(config, "dygraph", training=True)
        trained = loop.train(session, config, sources.training_source(config))
        tested = evaluator.evaluate(session, config, sources.evaluation_source(config))
    last = tested.metrics[max(tested.metrics)]
    return [
        os.path.basename(config.folder),
        f"{trained.rows / trained.seconds:.0f}",
        "  ".join(f"{name} {value:.4f}" for name, value in last.items()),
    ]


def main() -> None:
    """Runs the command."""
    command_line.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    pattern = os.path.join(loading.REPOSITORY, "models", "multitask", "*", "config.yaml")
    table = [["model", "rows/s", "on the test sample"]]
    table += [run_sample(yaml) for yaml in sorted(glob.glob(pattern))]
    width = max(len(model) for model, *_ in table)
    for model, speed, metrics in table:
        print(f"{model:<{width}}{speed:>8}  {metrics}")


if __name__ == "__main__":
    command_line.run(main)
