"""Options, errors, exit codes and the folder lock of the data sets' commands.

A command that fails raises :class:`DataError`. The user then sees one ``error:`` line, and the exit
code is 2.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Callable, NoReturn

from datasets.readers.atomic_file import no_link


class DataError(Exception):
    """The input cannot be used; the message is the line that the user sees."""


class Parser(argparse.ArgumentParser):
    """A parser that reports a wrong option in one ``error:`` line."""

    def error(self, message: str) -> NoReturn:
        """Prints the error without the usage text and exits with code 2."""
        print(f"error: {message}", file=sys.stderr)
        raise SystemExit(2)

    def add_preparation_options(self, output_dir: Path) -> None:
        """Adds ``--raw_dir``, ``--output_dir`` and ``--force``, which every ``prepare.py`` has.

        Args:
            output_dir: default of ``--output_dir``.
        """
        self.add_argument(
            "--raw_dir",
            type=Path,
            default=os.environ.get("RAW_DIR") or None,
            help="folder of the raw files (default: $RAW_DIR; if neither is set, download them)",
        )
        self.add_argument(
            "--output_dir",
            type=Path,
            default=output_dir,
            help="folder of the prepared files (default: %(default)s)",
        )
        self.add_argument(
            "--force", action="store_true", help="prepare again, even if the files exist"
        )


def integer_from(least: int) -> Callable[[str], int]:
    """Returns the argparse type of an integer from ``least`` to 2^32 - 1."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) < 2**32:
            raise argparse.ArgumentTypeError(
                f"expected an integer from {least} to {2**32 - 1}, found '{text}'"
            )
        return int(text)

    return parse


def run_command(work: Callable[[], object]) -> int:
    """Runs a command; returns 0, or prints one ``error:`` line and returns 2.

    Args:
        work: does the work of the command. Exceptions other than :class:`DataError`, OSError and
            KeyboardInterrupt are faults of the program and are not caught.
    """
    try:
        work()
    except DataError as exc:
        problem = str(exc)
    except OSError as exc:
        problem = f"{exc.filename}: {exc.strerror or exc}" if exc.filename else str(exc)
    except KeyboardInterrupt:
        problem = "interrupted; earlier files are unchanged"
    else:
        return 0
    print(f"error: {problem}", file=sys.stderr)
    return 2


def run_preparation(
    prog: str,
    description: str,
    output_dir: Path,
    prepare: Callable[[Path, Path | None, bool], object],
    arguments: list[str] | None = None,
) -> int:
    """Runs a ``prepare.py`` without options of its own; returns its exit code.

    Args:
        prog: name of the command.
        description: docstring of the command, whose first line is shown by ``--help``.
        output_dir: default of ``--output_dir``.
        prepare: takes the output folder, the raw folder and the value of ``--force``.
        arguments: arguments of the command line; those of the process by default.
    """
    parser = Parser(prog=prog, description=description.split("\n")[0], allow_abbrev=False)
    parser.add_preparation_options(output_dir)
    options = parser.parse_args(arguments)
    return run_command(lambda: prepare(options.output_dir, options.raw_dir, options.force))


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Locks a folder during the block; waits if another process has locked it.

    The lock ends with the process. The file ``.lock`` remains in the folder.

    Args:
        folder: a folder that exists.

    Raises:
        OSError: the lock file cannot be created.
    """
    with open(folder / ".lock", "a", opener=no_link) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another run that uses {folder}", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
