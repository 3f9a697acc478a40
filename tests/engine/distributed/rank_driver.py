"""Runs a command as one process of a launched run, and records its rank's state.

    rank_driver.py COMMAND ARGUMENTS...

``FLEET_NOTES`` is the folder where each rank saves its process id and its parameters.
``FLEET_SLOW`` is the shortest time of a step in seconds.
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


def train_and_record(session, *arguments):
    summary = train(session, *arguments)
    state = {f"parameter.{name}": value for name, value in session.parameters().items()}
    for name, value in session.state()["pdopt"].items():
        if hasattr(value, "numpy"):
            state[f"optimizer.{name}"] = value.numpy()
    np.savez(os.path.join(NOTES, f"state.{RANK}.npz"), **state)
    return summary


def check_slowly():
    time.sleep(float(os.environ.get("FLEET_SLOW", 0)))
    check()


loop.train, interrupts.check = train_and_record, check_slowly
assert command_line  # imported before the command, which calls the functions replaced here
runpy.run_path(path, run_name="__main__")
