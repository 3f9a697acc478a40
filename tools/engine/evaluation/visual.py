"""Writes VisualDL's records: curves and pictures of a run, in a folder of its own."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shlex
import struct
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.config.config import Config
from engine.distributed import processes
from engine.system import atomic_files
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

RUN_KEY = "visual_run"  # of a checkpoint's facts: the name of the run's folder


def start(config: Config, resumed: Any = None, step: int = 0) -> Visual | None:
    """Returns the records of a run; None without ``runner.use_visual``, or in other processes.

    Args:
        config: the configuration.
        resumed: the name of the folder of the run to resume, as its checkpoint records it.
        step: the steps of the resumed run.

    Raises:
        UserError: VisualDL is not installed, or the folder cannot be written.
    """
    if not config.runner("use_visual") or processes.current().rank:
        return None
    folder = config.runner("visual_dir")
    name = os.path.basename(config.runner("model_save_path"))
    is_name = isinstance(resumed, str) and resumed == os.path.basename(resumed)
    if is_name and os.path.isdir(os.path.join(folder, resumed)):
        return Visual(folder, resumed, step)
    name = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    number = 1
    while os.path.exists(os.path.join(folder, name)):
        number += 1
        name = f"{name.partition('.')[0]}.{number}"
    return Visual(folder, name)


class Visual:
    """Writes the records of one run, which ``visualdl --logdir <folder>`` shows.

    VisualDL shows the newest file of a folder. So each run has a folder, and a resumed run
    continues its file.

    Args:
        folder: ``runner.visual_dir``.
        run: the name of the run's folder in it.
        step: the last step of the records that a resumed run keeps.

    Raises:
        UserError: VisualDL is not installed, or the folder cannot be written.
    """

    def __init__(self, folder: str, run: str, step: int = 0):
        try:
            from visualdl import LogWriter
        except ImportError as error:
            raise UserError(
                "runner.use_visual = True needs VisualDL: pip install -r requirements-visual.txt"
            ) from error
        self.run = run
        place = os.path.join(folder, run)
        try:
            os.makedirs(place, exist_ok=True)
            names = sorted(name for name in os.listdir(place) if "vdlrecords" in name)
            if names:
                _keep_until(os.path.join(place, names[-1]), step)
            name = names[-1] if names else f"vdlrecords.{int(time.time()):010d}.log"
            with contextlib.redirect_stdout(io.StringIO()):  # it prints that the file exists
                self._writer = LogWriter(place, file_name=name)
        except OSError as error:
            raise UserError(f"runner.visual_dir: cannot write {place}: {error}") from error
        command = f"visualdl --logdir {shlex.quote(folder)}"
        logger.info("VisualDL: writing records to %s; to look at them: %s", place, command)

    def scalars(self, values: Mapping[str, Any], step: int) -> None:
        """Records the values that are single numbers."""
        for name, value in values.items():
            array = np.asarray(value)
            if array.size == 1:
                self._writer.add_scalar(tag=name, value=float(array.item()), step=step)

    def image(self, name: str, pixels: np.ndarray) -> None:
        """Records a picture, ``[height, width, 3]`` bytes."""
        self._writer.add_image(tag=name, img=pixels, step=0)

    def close(self) -> None:
        """Writes the records that are still buffered."""
        self._writer.close()


def _keep_until(path: str, step: int) -> None:
    """Removes the records after a step: the run takes these steps again.

    A file is a sequence of records, each after its length in 8 bytes. A killed run may leave a
    part of a record at the end.
    """
    from google.protobuf.message import DecodeError
    from visualdl.proto import record_pb2

    with open(path, "rb") as file:
        content = file.read()
    kept, place = [], 0
    while place + 8 <= len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        data = content[place + 8 : place + 8 + length]
        if len(data) < length:
            break
        try:
            values = record_pb2.Record.FromString(data).values
        except DecodeError:  # the file is damaged from here on
            break
        if all(value.id <= step for value in values):
            kept.append(content[place : place + 8 + length])
        place += 8 + length
    if sum(map(len, kept)) < len(content):
        with atomic_files.writing(path) as temporary, open(temporary, "wb") as file:
            file.write(b"".join(kept))
