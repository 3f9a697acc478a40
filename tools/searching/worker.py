"""Trains a trial: a process of its own, which ends with the one that started it.

    python worker.py FD

Reads an order from standard input, a line of JSON: ``yaml``, ``options`` (as ``-o`` takes them),
``graph``, and ``check`` to train nothing. Writes to the file descriptor FD, a line each:
``{"epoch": ..., "value": ...}`` after every epoch, the last one excepted, and at the end
``{"best": ..., "epoch": ..., "batches": ...}`` or ``{"problem": ...}``. Its log is standard error.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(sys.path[0])  # tools/, as of a command

from engine.system import process


def main(descriptor: int) -> None:
    """Does what the order says."""
    order = json.loads(_line(0))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with os.fdopen(descriptor, "w", encoding="utf-8") as pipe:

        def say(message: dict[str, Any]) -> None:
            print(json.dumps(message), file=pipe, flush=True)

        from engine.system.errors import UserError

        try:
            say(_train(order, say))
        except UserError as error:
            print("error:", error, file=sys.stderr)
            say({"problem": " ".join(str(error).split())})


def _line(descriptor: int) -> bytes:
    """Returns the first line; not by ``sys.stdin``, whose lock a thread would keep at the end."""
    found = b""
    while not found.endswith(b"\n"):
        part = os.read(descriptor, 65536)
        if not part:
            os._exit(1)
        found += part
    return found


def _end_with_parent() -> None:
    os.read(0, 1)  # until that process closes it, or is no more
    os._exit(1)


def _train(order: dict[str, Any], say: Any) -> dict[str, Any]:
    import paddle  # noqa: F401  (first: 2.6 silences the root logger when it is imported)

    from engine import commands
    from engine.config import listing
    from engine.config.load import load_config
    from engine.data import encoding
    from engine.distributed import processes
    from engine.model_folder import loading
    from engine.system import logs
    from engine.training import loop

    logs.start_logging()
    config = load_config(order["yaml"], order["options"], loading.hyper_parameters)
    processes.start(config, order["graph"])
    config = encoding.complete(config)
    listing.log_config(config)
    if order["check"]:
        loop.check(*commands.open_training(config, order["graph"]), config)
        return {}

    def report(epoch: int, stopping: Any) -> None:
        if epoch + 1 < config.runner("epochs") and not stopping.stopped:
            say({"epoch": epoch, "value": stopping.value})

    best = commands.train(config, order["graph"], report).best
    return {"best": best.value, "epoch": best.epoch, "batches": best.batches}


if __name__ == "__main__":
    process.prepare()
    main(int(sys.argv[1]))
