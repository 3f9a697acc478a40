"""Embedding tables as parameter servers save them, read without any server.

A checkpoint of ``static_ps_trainer.py`` has its dense parameters in ``rec_static.pdparams``, as
others have, and each table in a folder of ``rec_static.tables/``, in the files of the servers'
shards. Each line there is a row of the table: its number, five counts, and the embedding's first
number, the rest of it a bit further, with Adam's state after each.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping

import numpy as np

from engine.system.errors import UserError

FOLDER = "tables"
_FIRST = 6  # where the embedding's first number is
_STATE = 4  # of one number: Adam's two moments, its two powers


def folder_of(checkpoint: str, prefix: str) -> str:
    """Returns where a checkpoint's tables are."""
    return os.path.join(checkpoint, f"{prefix}.{FOLDER}")


def read(folder: str, tables: Mapping[str, Mapping]) -> dict[str, np.ndarray]:
    """Returns the tables of a checkpoint by their names, float32 ``[rows, size]``.

    Rows that training never looked up are 0, as the servers have them.

    Args:
        folder: see `folder_of`.
        tables: of the checkpoint's facts: the number and the shape of each table.

    Raises:
        UserError: a table is missing, damaged, or does not say how many rows it has.
    """
    return {name: _table(folder, name, table) for name, table in tables.items()}


def _table(folder: str, name: str, table: Mapping) -> np.ndarray:
    place = os.path.join(folder, f"{table['id']:03d}")
    rows, size = table["shape"]
    values = np.zeros((rows, size), np.float32)
    if not os.path.isdir(place):
        raise UserError(f"there is no table {name} in {place}")
    for file in sorted(os.listdir(place)):
        path = os.path.join(place, file)
        try:
            with gzip.open(path, "rt", encoding="ascii") as lines:
                for line in lines:
                    _take(line.split(), values)
        except (OSError, EOFError, ValueError, IndexError) as error:
            raise UserError(f"{path} is damaged: {type(error).__name__}: {error}") from error
    return values


def _take(fields: list[str], values: np.ndarray) -> None:
    """Puts a line's embedding into its row.

    A row that was looked up and not yet learned has its first number only.
    """
    row, size = int(fields[0]), values.shape[1]
    if not 0 <= row < len(values):
        raise ValueError(f"row {row} of a table of {len(values)}")
    short, whole = _FIRST + 1 + _STATE, _FIRST + 1 + _STATE + (size - 1) + 2 * (size - 1) + 2
    if len(fields) not in (short, whole):
        raise ValueError(f"{len(fields)} fields in a line, expected {whole}")
    values[row, 0] = fields[_FIRST]
    if len(fields) == whole:
        values[row, 1:] = fields[short : short + size - 1]
