"""What every data command shares: its options, its exit code, its errors and its lock.

A command that cannot go on raises :class:`DataError`; the person reads one `error: ` line and the
exit code is 2.
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


class DataError(Exception):
    """Input that cannot be used; its text is the one line that the person reads."""


class Parser(argparse.ArgumentParser):
    """Options of a data command; a wrong one is a single `error: ` line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, without the usage text."""
        print(f"error: {message}", file=sys.stderr)
        raise SystemExit(2)

    def add_preparation_options(self, output_dir: Path) -> None:
        """Add what every `prepare.py` takes: `--raw_dir`, `--output_dir` and `--force`.

        Args:
            output_dir: where to write by default.
        """
        self.add_argument(
            "--raw_dir",
            type=Path,
            default=os.environ.get("RAW_DIR") or None,
            help="folder of the raw files (default: RAW_DIR; without either, download)",
        )
        self.add_argument(
            "--output_dir",
            type=Path,
            default=output_dir,
            help="where to write (default: %(default)s)",
        )
        self.add_argument("--force", action="store_true", help="prepare anew")


def whole_number(least: int) -> Callable[[str], int]:
    """Return the type of an option that is an integer from ``least`` up, below 2^32."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) < 2**32:
            raise argparse.ArgumentTypeError(f"found '{text}', expected an integer from {least} up")
        return int(text)

    return parse


def run_command(work: Callable[[], object]) -> int:
    """Exit code of a data command: 0, or 2 after one `error: ` line that says what was wrong.

    Args:
        work: what the command does. Whatever it raises but :class:`DataError`, OSError and
            KeyboardInterrupt is a fault of the program, and passes.
    """
    try:
        work()
    except DataError as exc:
        problem = str(exc)
    except OSError as exc:
        problem = f"{exc.filename}: {exc.strerror or exc}" if exc.filename else str(exc)
    except KeyboardInterrupt:
        problem = "interrupted; what was there before is unchanged"
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
    """Run the command of a `prepare.py` that has no options of its own; returns its exit code.

    Args:
        prog: the command's name.
        description: its docstring; the first line is the help's.
        output_dir: where to write by default.
        prepare: takes the output folder, the raw folder and whether to prepare anew.
        arguments: of the command line, by default the process's own.
    """
    parser = Parser(prog=prog, description=description.split("\n")[0], allow_abbrev=False)
    parser.add_preparation_options(output_dir)
    options = parser.parse_args(arguments)
    return run_command(lambda: prepare(options.output_dir, options.raw_dir, options.force))


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file when a write fails (a full disk): Python does not, and the person needs it.

    Args:
        path: the file that is written within.

    Raises:
        OSError: the one from within, with a file name.
    """
    try:
        yield
    except OSError as exc:
        exc.filename = exc.filename or str(path)
        raise


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold `folder` against other runs, and wait for one that has it. Ends with the process.

    Args:
        folder: one that exists; a file `.lock` stays in it.

    Raises:
        OSError: the lock file cannot be made there.
    """
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another run that uses {folder}", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
