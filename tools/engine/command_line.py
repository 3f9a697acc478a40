"""The command line that all commands share: ``-m config.yaml -o key=value``, errors, exit codes."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

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
