"""Runs a command many times, each time in a fork of a process that has imported Paddle.

Reads lines of JSON from standard input with ``argv`` and ``log``. To kill the fork while it saves,
a line also has ``operation`` (its number, from 1) and ``when`` (``at once``, or ``interrupted`` to
count only after a signal). Prints the fork's process number, and its wait status at its end.
"""

import builtins
import json
import os
import runpy
import shutil
import signal
import sys

TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools")
sys.path.insert(0, os.path.abspath(TOOLS))

from engine.system import process  # noqa: E402

process.prepare()

import numpy  # noqa: E402
import paddle  # noqa: E402

from engine.system import interrupts  # noqa: E402


def kill_inside_saving(operation, when):
    """Kills the process in the middle of one of the operations that save a checkpoint."""
    count = 0

    def due():
        nonlocal count
        if when == "interrupted" and interrupts.received() is None:
            return False
        count += 1
        return count == operation

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def before(module, name):
        original = getattr(module, name)

        def patched(*arguments, **options):
            if due():
                die()
            return original(*arguments, **options)

        setattr(module, name, patched)

    def half_written(module, name, place):
        original = getattr(module, name)

        def patched(*arguments, **options):
            last = due()
            result = original(*arguments, **options)
            if last:
                target = arguments[place]
                path = target if isinstance(target, str) else target.name
                if not isinstance(target, str):
                    target.flush()
                os.truncate(path, os.path.getsize(path) // 2)
                die()
            return result

        setattr(module, name, patched)

    for name in ("mkdir", "rename", "fsync", "remove", "rmdir"):
        before(os, name)
    before(shutil, "rmtree")
    half_written(paddle, "save", 1)
    half_written(numpy, "savez", 0)
    half_written(json, "dump", 1)


def run(order):
    """Runs a command's file as ``__main__`` in this process."""
    descriptor = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if "operation" in order:
        kill_inside_saving(order["operation"], order["when"])
    sys.argv = order["argv"]
    sys.path[0] = os.path.dirname(sys.argv[0])
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        os._exit(end.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


for line in sys.stdin:
    child = os.fork()
    if not child:
        run(json.loads(line))
    builtins.print(child, flush=True)
    builtins.print(os.waitpid(child, 0)[1], flush=True)
