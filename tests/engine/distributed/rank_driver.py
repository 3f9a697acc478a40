"""One of a launched run's processes: a command, and what the test wants to know of this rank.

    rank_driver.py COMMAND ARGUMENTS...

``FLEET_NOTES`` names the folder where each rank leaves its process number and its parameters;
``FLEET_SLOW`` is how many seconds each step takes at least.
"""

import os
import runpy
import sys
import time

import numpy as np

path = sys.argv[1]
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(path))

from engine import command_line  # noqa: E402
from engine.system import interrupts, process  # noqa: E402

NOTES = os.environ["FLEET_NOTES"]
RANK = os.environ.get("PADDLE_TRAINER_ID", "0")
with open(os.path.join(NOTES, f"pid.{RANK}"), "w", encoding="utf-8") as file:
    file.write(str(os.getpid()))

process.prepare()
from engine.training import loop  # noqa: E402

train, check = loop.train, interrupts.check


def noted(session, config, source):
    summary = train(session, config, source)
    state = {f"parameter.{name}": value for name, value in session.parameters().items()}
    for name, value in session.state()["pdopt"].items():
        if hasattr(value, "numpy"):
            state[f"optimizer.{name}"] = value.numpy()
    np.savez(os.path.join(NOTES, f"state.{RANK}.npz"), **state)
    return summary


def slow():
    time.sleep(float(os.environ.get("FLEET_SLOW", 0)))
    check()


loop.train, interrupts.check = noted, slow
assert command_line  # imported by the command, after what it calls was replaced here
runpy.run_path(path, run_name="__main__")
