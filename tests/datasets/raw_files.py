"""The raw files of a small table, and the sources that describe them."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from datasets.preparing import fetch


class RawFiles:
    """Training and test rows of a small table, which a subclass makes and writes.

    Args:
        folder: folder of the files; it is created.
        train_rows: number of training rows.
        test_rows: number of test rows.
        shift: added to the number of every row.
    """

    command = None  # the module with the data set's ``prepare``

    def __init__(self, folder: Path, train_rows: int = 60, test_rows: int = 31, shift: int = 0):
        self.folder = folder
        folder.mkdir(parents=True)
        self.train = [self._row(number + shift) for number in range(train_rows)]
        self.test = [self._row(3 * number + shift) for number in range(test_rows)]
        self.save()

    def write(self, name: str, text: str, rows: int) -> None:
        """Writes a raw file and sets ``<name>_source``."""
        content = text.encode()
        (self.folder / f"{name}.csv.gz").write_bytes(gzip.compress(content))
        raw = fetch.RawFile(f"{name}.csv", hashlib.sha256(content).hexdigest(), (), "TEST_URL")
        setattr(self, f"{name}_source", fetch.Source(raw, rows))

    def prepare(self, output: Path, force: bool = False) -> None:
        """Runs the data set's preparation on the files."""
        self.command.prepare(output, self.folder, force, self.train_source, self.test_source)
