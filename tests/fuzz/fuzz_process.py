"""A target that is fuzzed in a process of its own: a fork, so that Paddle is imported once.

An input that raises is kept, one for each place that raised, and fuzzing goes on; one that crashes
or hangs ends the process, and libFuzzer keeps it.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import multiprocessing
import os
import pickle
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, NamedTuple

_HERE = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.dirname(os.path.dirname(_HERE))
_INSTRUMENTED = ["engine", "datasets", "models", "yaml"]
_STOPPED = re.compile(r"(crash|timeout|oom|leak)-[0-9a-f]{40}")
_HANG = 60  # seconds: an input that takes longer hangs, also on a machine that is busy
_SLACK = 2 * _HANG  # beyond those of fuzzing, until a process is stopped
_EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)|^#(\d+)", re.MULTILINE)


class Outcome(NamedTuple):
    """What came of a target.

    Attributes:
        target: its name.
        inputs: how many were tried.
        edges: branches of the project's code that they reached.
        failures: files of the inputs that are faults.
        problem: the end of the process's output where it ended otherwise than it should.
    """

    target: str
    inputs: int
    edges: int
    failures: list[str]
    problem: str


def load(path: str) -> dict[str, Any]:
    """Returns the targets of a module, by its file."""
    sys.path[:0] = [_HERE, _ROOT, os.path.join(_ROOT, "tools")]
    spec = importlib.util.spec_from_file_location("targets_of_file", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TARGETS


def instrumented(path: str) -> dict[str, Any]:
    """Returns the targets of a module, the project's code made to record where it goes."""
    import atheris

    silent = contextlib.redirect_stderr(io.StringIO())  # atheris writes a line for each module
    with silent, atheris.instrument_imports(include=_INSTRUMENTED):
        targets = load(path)
    for method in vars(pickle._Unpickler).values():  # loaded before, by atheris itself
        if isinstance(method, FunctionType):
            atheris.instrument_func(method)
    return targets


def fuzz(
    targets: dict[str, Any],
    seconds: int,
    runs: int | None,
    jobs: int,
    failures: str,
    corpus: str | None,
) -> Iterator[Outcome]:
    """Fuzzes targets and yields what came of each.

    Args:
        targets: by name.
        seconds: for how long each.
        runs: how many inputs of each, from a fixed seed; None for as many as there is time for.
        jobs: how many at a time.
        failures: folder for what is found.
        corpus: folder of inputs that reach new code, kept for another time; None for none.
    """
    waiting, running = list(targets), []
    while waiting or running:
        while waiting and len(running) < jobs:
            name = waiting.pop(0)
            running.append(_Process(name, targets[name], seconds, runs, failures, corpus))
        time.sleep(0.05)
        for process in [one for one in running if one.ended()]:
            running.remove(process)
            yield process.outcome()


class _Process:
    """One target's process."""

    def __init__(
        self,
        name: str,
        target: Any,
        seconds: int,
        runs: int | None,
        failures: str,
        corpus: str | None,
    ):
        self._name, self._failures = name, failures
        self._before = set(os.listdir(failures))
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._folder = tempfile.TemporaryDirectory(prefix="paddlemtl-fuzz-", dir=memory)
        folder = self._folder.name
        kept = os.path.join(corpus, name) if corpus else os.path.join(folder, "corpus")
        os.makedirs(kept, exist_ok=True)
        options = [f"-max_total_time={seconds}", "-rss_limit_mb=4096"]
        options += [f"-timeout={_HANG}", f"-report_slow_units={_HANG}"]
        options += ["-max_len=8192", "-print_final_stats=1", kept, os.path.join(folder, "seeds")]
        options += [f"-runs={runs}", "-seed=1"] if runs else []
        options += [f"-artifact_prefix={os.path.join(failures, name)}-"]
        self._process = multiprocessing.get_context("fork").Process(
            target=_run, args=(name, target, folder, failures, options)
        )
        self._process.start()
        self._end = time.monotonic() + seconds + _SLACK

    def ended(self) -> bool:
        """Whether it has; it is stopped if it should have long ago."""
        if time.monotonic() > self._end:
            self._process.kill()
            self._process.join()
        return not self._process.is_alive()

    def outcome(self) -> Outcome:
        """Reads what libFuzzer has said, and removes all but the failures."""
        with open(os.path.join(self._folder.name, "output"), "rb") as file:
            output = file.read().decode("utf-8", "replace")
        self._folder.cleanup()
        new = sorted(set(os.listdir(self._failures)) - self._before)
        found = [name for name in new if re.fullmatch(rf"{self._name}-[\w-]+", name)]
        expected = self._process.exitcode == 0 or any(_STOPPED.search(name) for name in found)
        executed = [int(first or second) for first, second in _EXECUTED.findall(output)]
        return Outcome(
            self._name,
            max(executed, default=0),
            max(map(int, re.findall(r"cov: (\d+)", output)), default=0),
            [os.path.join(self._failures, name) for name in found],
            "" if expected else f"exit code {self._process.exitcode}\n{output[-2000:]}",
        )


def _run(name: str, target: Any, folder: str, failures: str, options: list[str]) -> None:
    output = os.open(os.path.join(folder, "output"), os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ["HOME"] = os.environ["XDG_CACHE_HOME"] = tempfile.tempdir = folder
    import atheris
    import fuzz_guard

    fuzz_guard.quiet(True)
    check, seeds, tokens = target
    os.mkdir(os.path.join(folder, "seeds"))
    for number, seed in enumerate(seeds()):
        with open(os.path.join(folder, "seeds", f"{number:03}"), "wb") as file:
            file.write(seed)
    dictionary = os.path.join(folder, "tokens")
    with open(dictionary, "w", encoding="ascii") as file:
        for token in tokens:
            written = "".join(f"\\x{byte:02x}" for byte in token)
            file.write(f'"{written}"\n')
    atheris.Setup([name, *options, f"-dict={dictionary}"], _keeping(name, check, failures))
    atheris.Fuzz()


def _keeping(name: str, check: Callable[[bytes], None], failures: str) -> Callable[[bytes], None]:
    def try_input(data: bytes) -> None:
        try:
            check(data)
        except BaseException as error:  # whatever it is, it is a fault
            _keep(os.path.join(failures, name), data, error)

    return try_input


def _keep(stem: str, data: bytes, error: BaseException) -> None:
    """Writes an input and what it raised, unless the like of it is there."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} {last.filename}:{last.lineno}"
    path = f"{stem}-{hashlib.sha256(place.encode()).hexdigest()[:10]}"
    if os.path.exists(path):
        return
    with open(path, "wb") as file:
        file.write(data)
    with open(f"{path}.txt", "w", encoding="utf-8", errors="backslashreplace") as file:
        traceback.print_exception(type(error), error, error.__traceback__, file=file)
