"""Runs a command of a tools folder, metered inside; started by `launch`, not by a person.

    python worker.py TASK.json

TASK.json: `tools`, the folder; `command`, a file's name there without .py; `arguments`, its own;
`limit`, batches of an epoch or null; `phases`, whether to split a step; `result`, where to write.
The folder may be another checkout's, older than this file. Of its engine only
`process.prepare` and `opening.open_session` are needed, under their present or former names.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import time
from typing import Any


def main(task: dict[str, Any]) -> None:
    """Runs the command and writes what was measured."""
    from benchmarking.meter import Meter
    from benchmarking.phases import Phases

    sys.path[0] = task["tools"]
    try:
        from engine.graphs import opening
        from engine.system import process
    except ImportError:  # an older checkout
        from engine import runtime as process
        from engine import sessions as opening

    process.prepare()
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
        session.batches = meter.around(session.batches)
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
    """Returns the memory that is the process's own, mapped files aside, in 2^20 bytes."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["RssAnon"].split()[0]) / 1024
    except (OSError, KeyError):  # not Linux
        return None


if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with open(sys.argv[1], encoding="utf-8") as file:
        given = json.load(file)
    main(given)
