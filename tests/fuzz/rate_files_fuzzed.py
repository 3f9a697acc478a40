"""Target `rates`: the file of sums beside a vocabulary."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from fuzz_guard import FaultError, refusal, watched

from datasets.readers.rates.daily_sums import DailySums
from datasets.readers.table.rates import rate_files
from datasets.readers.table.rates.table_rates import TableRates

KEYS, DAYS = np.array([3, 3, 5, 2**60]), np.array([1, 2, 2, 7])
SUMS = DailySums.of(KEYS, DAYS, np.array([[1.0, 0.5], [0, np.nan], [1, 2], [1, 1e9]]))
RATES = TableRates("integer", (SUMS, SUMS))
TOKENS = [b"PK\x03\x04", b"\x93NUMPY", b"'descr': '|O'", b"'shape': (9999999999,)", b"\x80\x04."]


def check(content: bytes) -> None:
    """The file has the sums that the vocabulary names, or is refused by name."""
    with watched("rates") as folder:
        stored = rate_files.StoredRates(RATES.sha256, folder)
        Path(stored.path).write_bytes(content)
        try:
            found = stored.loaded().of_keys[1]
        except ValueError as error:
            refusal(error, len(content), stored.path)
            return
        if not np.array_equal(found.values, SUMS.values) or found.keys.tolist() != [3, 5, 2**60]:
            raise FaultError(f"other sums: {found}")


def seeds() -> list[bytes]:
    """What the project itself writes, and other files of NumPy."""
    with TemporaryDirectory() as folder:
        rate_files.save(RATES, folder)
        whole = Path(folder, rate_files.file_name(RATES.sha256)).read_bytes()
        path = os.path.join(folder, "a.npz")
        found = [whole, b""]
        for arrays in ({"number": 2}, {"number": [1, 2]}, {"number": 10**12, "kind": "date"}):
            np.savez(path, **arrays)
            found.append(Path(path).read_bytes())
        np.save(os.path.join(folder, "a.npy"), KEYS)
        return [*found, Path(folder, "a.npy").read_bytes()]
