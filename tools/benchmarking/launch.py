"""Runs a command and measures it from outside: the whole process's time and peak memory.

    python launch.py FOLDER COMMAND...

The command's output goes to `stdout` and `stderr` in FOLDER, what was measured to `launch.json`. A
process of its own, because Linux counts the memory of the process that starts a command as the
command's: this one is small.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def main(folder: str, command: list[str]) -> None:
    """Runs the command and writes what was measured."""
    with (
        open(os.path.join(folder, "stdout"), "wb") as stdout,
        open(os.path.join(folder, "stderr"), "wb") as stderr,
    ):
        environment = {**os.environ, "BENCHMARK_STARTED": repr(time.time())}
        started = time.perf_counter()
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=environment
            )
        except OSError as error:
            sys.exit(f"{command[0]}: {error.strerror or error}")
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    kilo = 1024 if sys.platform != "darwin" else 1024**2
    measured = {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_memory_mb": usage.ru_maxrss / kilo,
        "code": -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status),
    }
    with open(os.path.join(folder, "launch.json"), "w", encoding="utf-8") as file:
        json.dump(measured, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
