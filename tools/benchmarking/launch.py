"""Runs a command and measures the time and the peak memory of its process.

    python launch.py FOLDER COMMAND...

Writes the output of the command to `stdout` and `stderr` in FOLDER and the measurements to
`launch.json`. It is a separate small process, because Linux counts the memory of the process that
starts a command as memory of the command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def main(folder: str, command: list[str]) -> None:
    """Runs the command and writes the measurements."""
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
    units = 1024 if sys.platform != "darwin" else 1024**2  # of ru_maxrss, in 2^20 bytes
    measured = {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_memory_mb": usage.ru_maxrss / units,
        "code": -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status),
    }
    with open(os.path.join(folder, "launch.json"), "w", encoding="utf-8") as file:
        json.dump(measured, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
