"""Trains and evaluates every model on its sample and prints one table.

    python tools/demo.py

It does what tools/trainer.py and tools/infer.py do with config.yaml of each folder in
models/multitask, but saves the checkpoints in a temporary folder. The metrics are those of the
model, on the test sample after the last epoch. rows/s is the speed of training at the batch size of
the sample. The logs of all runs go to a file, which the last line names.
"""

import glob
import logging
import os
import tempfile

from engine import command_line
from engine.model_folder import loading
from engine.system import logs

logger = logging.getLogger("demo")


def run_sample(yaml: str) -> list[str]:
    """Trains and evaluates one model; returns its name, rows a second and metrics."""
    from engine.config import listing
    from engine.config.load import load_config
    from engine.data import encoding, sources
    from engine.evaluation import evaluator
    from engine.graphs.opening import open_session
    from engine.training import loop

    with tempfile.TemporaryDirectory() as output:
        overrides = [f"runner.model_save_path={output}", f"runner.infer_load_path={output}"]
        config = load_config(yaml, overrides, loading.hyper_parameters)
        config = encoding.complete_config(config)
        listing.log_config(config, loading.hyper_parameters(config.folder))
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
    arguments = command_line.Parser(__doc__).parse_args()
    import paddle  # noqa: F401  (first: Paddle 2.6 silences the root logger when it is imported)

    logs.start_logging(arguments.quiet)
    handle, log = tempfile.mkstemp(prefix="paddlemtl-demo-", suffix=".log")
    os.close(handle)
    logs.write_file(log)
    pattern = os.path.join(loading.REPOSITORY, "models", "multitask", "*", "config.yaml")
    yamls = sorted(glob.glob(pattern))
    table = [["model", "rows/s", "on the test sample"]]
    for number, yaml in enumerate(yamls, 1):
        model = os.path.basename(os.path.dirname(yaml))
        logger.info("%s (%d of %d): training and evaluating", model, number, len(yamls))
        with logs.file_only():
            table.append(run_sample(yaml))
    width = max(len(model) for model, *_ in table)
    for model, speed, metrics in table:
        logs.show(f"{model:<{width}}{speed:>8}  {metrics}")
    logger.info("wrote the logs of all runs to %s", log)


if __name__ == "__main__":
    command_line.run(main)
