"""Runs a command of a tools folder and measures it from inside. `launch` starts it.

    python worker.py TASK.json

TASK.json contains `tools` (the folder), `command` (the name of a file there, without .py),
`arguments` of the command, `limit` (batches of an epoch or null), `phases` (whether to measure the
phases of a step) and `result` (the file for the measurements). The folder may belong to another,
older checkout. Of its engine the worker needs `process.prepare`, `opening.open_session` and the log
line, under their present or former names (`engine_names`).
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import time
from typing import Any


def main(task: dict[str, Any]) -> None:
    """Runs the command and writes the measurements."""
    from benchmarking import engine_names
    from benchmarking.meter import Meter
    from benchmarking.phases import Phases

    sys.path[0] = task["tools"]
    engine_names.module("process").prepare()
    opening = engine_names.module("opening")
    import paddle

    imported = time.time()

    on_gpu = False

    def wait() -> None:
        if on_gpu:
            paddle.device.cuda.synchronize()

    phases = Phases(wait) if task["phases"] else None
    meter = Meter(task["limit"], wait, phases)
    open_session = opening.open_session

    def metered(*arguments: Any, **options: Any) -> Any:
        nonlocal on_gpu
        session = open_session(*arguments, **options)
        on_gpu = paddle.device.get_device().startswith("gpu")
        if phases:
            phases.watch(session)
        session.batches = meter.wrap(session.batches)
        return session

    opening.open_session = metered
    path = os.path.join(task["tools"], f"{task['command']}.py")
    sys.argv = [path, *task["arguments"]]
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise
    measured = {
        "rows": meter.all_rows,
        "steady_rows": meter.rows,
        "steady_batches": meter.batches,
        "steady_seconds": meter.seconds,
        "import_seconds": imported - float(os.environ["BENCHMARK_STARTED"]),
        "own_memory_mb": _own_memory_mb(),
        "phases": phases.seconds if phases else None,
        "paddle": paddle.__version__,
    }
    with open(task["result"], "w", encoding="utf-8") as file:
        json.dump(measured, file)


def _own_memory_mb() -> float | None:
    """Returns the memory of the process without mapped files, in 2^20 bytes; None if unknown."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["RssAnon"].split()[0]) / 1024
    except (OSError, KeyError):  # not Linux
        return None


if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with open(sys.argv[1], encoding="utf-8") as file:
        loaded = json.load(file)
    main(loaded)
