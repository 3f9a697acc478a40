"""Trains a trial in its own process, which ends when its parent ends.

    python worker.py FD

Reads an order from standard input, one line of JSON: ``yaml``, ``options`` (values of ``-o``),
``graph``, and ``check`` to train nothing. Writes messages to the file descriptor FD, one line of
JSON each: ``{"epoch": ..., "value": ...}`` after every epoch except the last one, and at the end
``{"best": ..., "epoch": ..., "batches": ...}`` or ``{"problem": ...}``. Its log goes to standard
error.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any, Callable

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(sys.path[0])  # tools/, as for a command

from engine.system import process


def main(descriptor: int) -> None:
    """Carries out the order."""
    order = json.loads(_first_line(0))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with os.fdopen(descriptor, "w", encoding="utf-8") as pipe:

        def send(message: dict[str, Any]) -> None:
            print(json.dumps(message), file=pipe, flush=True)

        from engine.system.errors import UserError

        try:
            send(_train(order, send))
        except UserError as error:
            print("error:", error, file=sys.stderr)
            send({"problem": " ".join(str(error).split())})


def _first_line(descriptor: int) -> bytes:
    """Returns the first line; without ``sys.stdin``, whose lock a thread would hold at exit."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(descriptor, 65536)
        if not part:
            os._exit(1)
        line += part
    return line


def _end_with_parent() -> None:
    os.read(0, 1)  # returns when the parent closes the pipe or ends
    os._exit(1)


def _train(order: dict[str, Any], send: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Trains, sends a message after each epoch and returns the last message."""
    import paddle  # noqa: F401  (first: Paddle 2.6 silences the root logger when it is imported)

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
    config = encoding.complete_config(config, graph=order["graph"])
    listing.log_config(config)
    if order["check"]:
        loop.check(*commands.open_training(config, order["graph"]), config)
        return {}

    def report(epoch: int, stopping: Any) -> None:
        if epoch + 1 < config.runner("epochs") and not stopping.stopped:
            send({"epoch": epoch, "value": stopping.value})

    best = commands.train(config, order["graph"], report).best
    if best is None:
        problem = "no evaluation has a defined metric"
        raise config.error("runner.valid_metric", problem)
    return {"best": best.value, "epoch": best.epoch, "batches": best.batches}


if __name__ == "__main__":
    process.prepare()
    main(int(sys.argv[1]))
