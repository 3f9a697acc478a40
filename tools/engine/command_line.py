"""What all commands share: ``-m``, ``-o``, ``--quiet``, types of options, exit codes."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from engine.system import integers, interrupts, logs, process
from engine.system.errors import UserError

_BOOLEANS = {"true": True, "t": True, "yes": True, "1": True}
_BOOLEANS.update({"false": False, "f": False, "no": False, "0": False})


class Parser(argparse.ArgumentParser):
    """The parser of a command: it has ``--quiet``, and reports an error in one line.

    Args:
        description: the text of ``--help``, printed as it is.
    """

    def __init__(self, description: str):
        super().__init__(
            description=description, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        self.add_argument(
            "--quiet", action="store_true", help="print only results, warnings and errors"
        )

    def error(self, message: str) -> NoReturn:
        """Ends the command with exit code 2."""
        self.exit(2, f"error: {message} (--help lists the options)\n")


def parser(description: str, config_required: bool = True) -> argparse.ArgumentParser:
    """Returns a parser with PaddleRec's options ``-m`` and ``-o``.

    Args:
        description: the text of ``--help``, printed as it is.
        config_required: whether the command needs ``-m``.
    """
    options = Parser(description)
    options.add_argument(
        "-m",
        "--config_yaml",
        required=config_required,
        metavar="YAML",
        help="the model's configuration",
    )
    options.add_argument(
        "-o",
        "--opt",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="values that replace those of the YAML, e.g. -o runner.epochs=1 runner.seed=7",
    )
    return options


def boolean(text: str) -> bool:
    """Reads a boolean option; it accepts the same words as PaddleRec.

    Raises:
        argparse.ArgumentTypeError: the text is none of these words.
    """
    if text.lower() not in _BOOLEANS:
        raise argparse.ArgumentTypeError(f"expected True or False, found {text!r}")
    return _BOOLEANS[text.lower()]


def at_least(minimum: int) -> Callable[[str], int]:
    """Returns the type of an integer option: a function that reads and checks its text."""

    def read(text: str) -> int:
        try:
            value = integers.parse(text)
        except ValueError:
            value = None
        if value is None or value < minimum:
            raise argparse.ArgumentTypeError(
                f"expected an integer of at least {minimum}, found {text!r:.60}"
            )
        if value > integers.LARGEST:
            raise argparse.ArgumentTypeError(
                f"expected at most {integers.LARGEST}, found {text!r:.60}"
            )
        return value

    return read


def run(main: Callable[[], object], end: Callable[[int], object] = sys.exit) -> NoReturn:
    """Runs a command and ends the process; invalid input is one line and exit code 2.

    Args:
        main: the command; it raises `UserError` for invalid input.
        end: ends the process with an exit code.
    """
    process.prepare()
    interrupts.catch(signal.SIGINT)
    code = 0
    try:
        main()
        logs.log_written()
    except UserError as error:
        code = _report(str(error), 2)
    except KeyboardInterrupt as interrupt:
        code = _report(str(interrupt) or "interrupted", getattr(interrupt, "exit_code", 130))
    except Exception:
        logs.keep_traceback(traceback.format_exc())
        raise
    end(code)
    sys.exit(code)


def except_hook(otherwise: Callable) -> Callable:
    """Returns a ``sys.excepthook`` that ends a script as `run` ends a command.

    Args:
        otherwise: the hook for all exceptions but `UserError`.
    """

    def hook(kind: type, error: BaseException, trace: object) -> None:
        if not issubclass(kind, UserError):
            otherwise(kind, error, trace)
            return
        raise SystemExit(_report(str(error), 2))

    return hook


def _report(message: str, code: int) -> int:
    """Prints an error in one line; returns the exit code."""
    logs.show_error(f"error: {' '.join(message.split())}")
    return code
