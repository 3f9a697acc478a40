"""Saves the sums of rates beside the vocabulary that belongs to them, and loads them.

A file is named ``rates-<hash>.npz`` after its content, like a vocabulary.
"""

from __future__ import annotations

import os

import numpy as np

from datasets.readers import atomic_file
from datasets.readers.rates.daily_sums import DailySums
from datasets.readers.table.rates.table_rates import TableRates

_INTEGERS = ("keys", "days", "cells")
_NARROW = (np.uint8, np.uint16, np.int32)


class StoredRates:
    """The sums in a file, which are read when a row needs them.

    Args:
        sha256: the hash of the sums.
        folder: the folder of the file.
    """

    def __init__(self, sha256: str, folder: str):
        self.sha256 = sha256
        self.path = os.path.join(folder, file_name(sha256))
        self._loaded: TableRates | None = None

    def loaded(self) -> TableRates:
        """Returns the sums. They are read once.

        Raises:
            ValueError: the file is missing or damaged.
        """
        if self._loaded is None:
            self._loaded = self._read()
        return self._loaded

    def _read(self) -> TableRates:
        if not os.path.isfile(self.path):
            raise ValueError(
                f"the model's rates {self.path} are missing: copy the file there from the folder "
                "of its checkpoints, where it is beside the vocabulary"
            )
        try:
            with np.load(self.path, allow_pickle=False) as arrays:
                found = []
                for number in range(int(arrays["number"])):
                    parts = [arrays[f"{name}_{number}"].astype(np.int64) for name in _INTEGERS]
                    width = int(arrays[f"width_{number}"])
                    columns = [arrays[f"values_{number}_{place}"] for place in range(width)]
                    found.append(DailySums(*parts, np.stack(columns, axis=1).astype(np.float64)))
                rates = TableRates(str(arrays["kind"]), tuple(found))
                reason = "its content does not have the hash that the vocabulary names"
                problem = None if rates.sha256 == self.sha256 else reason
        except Exception as error:  # NumPy and zipfile raise errors of many kinds
            problem = f"{type(error).__name__}: {error}"
        if problem:
            raise ValueError(f"{self.path} is damaged: {problem}")
        return rates


def file_name(sha256: str) -> str:
    """Returns the name of the file of sums."""
    return f"rates-{sha256[:12]}.npz"


def save(rates: TableRates, folder: str) -> None:
    """Writes sums into a folder; a file that is there already has the same content.

    Raises:
        OSError: the file cannot be written.
    """
    path = os.path.join(folder, file_name(rates.sha256))
    arrays: dict[str, np.ndarray] = {}
    for number, sums in enumerate(rates.of_keys):
        arrays[f"width_{number}"] = np.array(sums.values.shape[1])
        arrays.update({f"{name}_{number}": _narrowed(getattr(sums, name)) for name in _INTEGERS})
        for place, column in enumerate(sums.values.T):
            arrays[f"values_{number}_{place}"] = _narrowed(column)
    with atomic_file.replacing(path, concurrent=True) as temporary:
        with open(temporary, "wb") as file:
            np.savez(file, number=len(rates.of_keys), kind=rates.kind, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)


def _narrowed(array: np.ndarray) -> np.ndarray:
    """Returns integers of fewer bits if they have the same values: counts mostly do."""
    for kind in _NARROW:
        with np.errstate(invalid="ignore"):
            narrow = array.astype(kind)
        if np.array_equal(narrow, array):
            return narrow
    return array
