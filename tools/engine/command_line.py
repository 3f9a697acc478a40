"""What every command that takes ``-m config.yaml -o key=value`` has in common."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import NoReturn

from engine.config.config import Config, load_config
from engine.system import interrupts, process
from engine.system.errors import UserError


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        """Ends the command with exit code 2."""
        self.exit(2, f"error: {message} (--help lists the options)\n")


def parser(description: str, config_required: bool = True) -> argparse.ArgumentParser:
    """Returns a parser with PaddleRec's two options."""
    made = Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "-m",
        "--config_yaml",
        required=config_required,
        metavar="YAML",
        help="the model's configuration",
    )
    made.add_argument(
        "-o",
        "--opt",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="values that replace those of the YAML, e.g. -o runner.epochs=1 runner.seed=7",
    )
    return made


def boolean(text: str) -> bool:
    """Reads an option's True or False as PaddleRec does."""
    known = {"true": True, "t": True, "yes": True, "1": True}
    known.update({"false": False, "f": False, "no": False, "0": False})
    if text.lower() not in known:
        raise argparse.ArgumentTypeError(f"expected True or False, found {text!r}")
    return known[text.lower()]


def at_least(minimum: int) -> Callable[[str], int]:
    """Returns what reads an integer option of at least ``minimum``."""

    def read(text: str) -> int:
        if not text.lstrip("-").isdigit() or int(text) < minimum:
            raise argparse.ArgumentTypeError(
                f"expected an integer of at least {minimum}, found {text!r}"
            )
        return int(text)

    return read


def run(main: Callable[[], object], end: Callable[[int], object] = sys.exit) -> NoReturn:
    """Runs a command: bad input ends it with one line on standard error and exit code 2.

    Args:
        main: what the command does.
        end: ends the process with an exit code.
    """
    process.prepare()
    interrupts.catch(signal.SIGINT)
    code = 0
    try:
        main()
    except UserError as error:
        code = _fail(str(error), 2)
    except KeyboardInterrupt as stop:
        code = _fail(str(stop) or "interrupted", getattr(stop, "exit_code", 130))
    end(code)
    sys.exit(code)


def _fail(message: str, code: int) -> int:
    print("error:", " ".join(message.split()), file=sys.stderr)
    return code


def read_config(
    arguments: argparse.Namespace,
    trained: Callable[[Config], str | None] | None = None,
    graph: str | None = None,
) -> Config:
    """Starts the log and returns the configuration that the arguments name.

    Args:
        arguments: of the command line.
        trained: see `learned.completed`; a command that trains gives none.
        graph: of a command that can be one of several processes; it is connected with them.
    """
    import paddle  # noqa: F401  (first: 2.6 silences the root logger when it is imported)

    from engine.data import encoding
    from engine.distributed import processes
    from engine.evaluation import log_lines
    from engine.model_folder import loading

    interrupts.catch(signal.SIGTERM)  # after Paddle, which has taken it
    log_lines.start_logging()
    config = load_config(arguments.config_yaml, arguments.opt, loading.hyper_parameters)
    if graph and processes.start(config, graph).rank:
        logging.getLogger().setLevel(logging.WARNING)  # rank 0 tells of all
    with processes.current().first():
        config = encoding.completed(config, trained)
    log_lines.log_config(config)
    return config


def train(description: str, graph: str) -> None:
    """Trains the model that the command line names, in dygraph or static graph."""
    config = read_config(parser(description).parse_args(), graph=graph)
    from engine.distributed import processes
    from engine.evaluation import measurements
    from engine.graphs import opening
    from engine.system import folder_lock
    from engine.training import loop

    world = processes.current()
    with ExitStack() as held:
        root = config.runner("model_save_path")
        world.on_first(lambda: held.enter_context(folder_lock.locked(root)))
        with world.first():  # it parses; the others find what it made
            source = loop.training_source(config)
        measurements.check(config)
        session = opening.open_session(config, graph, training=True)
        measurements.save(config, session, source, loop.train(session, config, source), "train")


def evaluate(description: str, graph: str) -> None:
    """Evaluates the checkpoints that the command line names, in dygraph or static graph."""
    arguments = parser(description).parse_args()
    from engine.data import encoding
    from engine.distributed import processes
    from engine.evaluation import measurements
    from engine.graphs import opening
    from engine.training import loop

    config = read_config(arguments, encoding.to_evaluate, graph)
    with processes.current().first():
        source = loop.test_source(config)
    measurements.check(config)
    session = opening.open_session(config, graph, training=False)
    measurements.save(config, session, source, loop.evaluate(session, config, source), "evaluate")
