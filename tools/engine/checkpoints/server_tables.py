"""Reads embedding tables from the files of parameter servers, without a server.

A checkpoint of ``static_ps_trainer.py`` has its dense parameters in ``rec_static.pdparams``, like
other checkpoints. Each table is a folder in ``rec_static.tables/`` with one file per shard. Each
line of a file is a row of the table, with these fields: the row's number, five counts, the first
element of the embedding, its Adam state, the other elements, and their Adam state.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping

import numpy as np

from engine.system.errors import UserError

FOLDER = "tables"
_FIRST = 6  # the field with the first element of the embedding
_LONGEST_LINE = 4 << 20  # bytes, so that a small file cannot fill the memory
_STATE = 4  # fields of its Adam state: two moments and two powers


def folder_of(checkpoint: str, prefix: str) -> str:
    """Returns the folder of a checkpoint's tables."""
    return os.path.join(checkpoint, f"{prefix}.{FOLDER}")


def read(folder: str, tables: Mapping[str, Mapping]) -> dict[str, np.ndarray]:
    """Returns the tables of a checkpoint by name, float32 ``[rows, size]``.

    Rows that training never looked up are 0, as on the servers.

    Args:
        folder: the folder of the tables; see `folder_of`.
        tables: the ``id`` and the ``shape`` of each table, from the checkpoint's facts.

    Raises:
        UserError: a table is missing or damaged.
    """
    return {name: _read_table(folder, name, table) for name, table in tables.items()}


def _read_table(folder: str, name: str, table: Mapping) -> np.ndarray:
    table_folder = os.path.join(folder, f"{table['id']:03d}")
    rows, size = table["shape"]
    try:
        values = np.zeros((rows, size), np.float32)
    except (MemoryError, ValueError) as error:
        raise UserError(f"table {name} in {folder}: {rows} x {size} numbers: {error}") from error
    if not os.path.isdir(table_folder):
        raise UserError(f"there is no table {name} in {table_folder}")
    for file in sorted(os.listdir(table_folder)):
        path = os.path.join(table_folder, file)
        try:
            with gzip.open(path, "rt", encoding="ascii") as lines:
                # A longer line is cut off, and its fields are then too few.
                for line in iter(lambda: lines.readline(_LONGEST_LINE), ""):
                    _read_row(line.split(), values)
        except (OSError, EOFError, ValueError, IndexError) as error:
            raise UserError(f"{path} is damaged: {type(error).__name__}: {error}") from error
    return values


def _read_row(fields: list[str], values: np.ndarray) -> None:
    """Writes the embedding of a line into its row of the table.

    A row that was looked up but not yet updated has only the first element.

    Args:
        fields: the fields of the line.
        values: the table, ``[rows, size]``.

    Raises:
        ValueError: the number of fields or the row's number is wrong.
    """
    row, size = int(fields[0]), values.shape[1]
    if not 0 <= row < len(values):
        raise ValueError(f"expected a row below {len(values)}, found {row}")
    short = _FIRST + 1 + _STATE
    full = short + (size - 1) + 2 * (size - 1) + 2
    if len(fields) not in (short, full):
        raise ValueError(f"expected {full} fields in a line, found {len(fields)}")
    values[row, 0] = fields[_FIRST]
    if len(fields) == full:
        values[row, 1:] = fields[short : short + size - 1]
