from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from datasets.adult import columns, prepare
from datasets.preparing import fetch

STATES = tuple(columns.LABELS[1].values)


class AdultTable:
    """A small table in the raw Adult form."""

    def __init__(self, folder: Path, train_rows: int = 60, test_rows: int = 31, shift: int = 0):
        self.folder = folder
        folder.mkdir(parents=True)
        self.train = [self._row(number + shift) for number in range(train_rows)]
        self.test = [self._row(3 * number + shift) for number in range(test_rows)]
        self.save()

    @staticmethod
    def _row(number: int) -> dict[str, str]:
        row = dict.fromkeys(columns.RAW_COLUMNS)
        for field in columns.FIELDS:  # those of amounts have numerics' values, further down
            row[field.column] = f"{field.column} {number % (field.size - 1):02d}"
        for index, column in enumerate(columns.NUMERICS):
            row[column] = str(100 * index + number)
        row["marital_status"] = STATES[number % 7]
        row["income"] = ("<=50K", ">50K")[number % 2]
        return row

    def save(self) -> None:
        """Write the files as the publisher has them, and the sources that describe them."""
        train = "".join(f"{', '.join(row.values())}\n" for row in self.train) + "\n"
        test = "".join(f"{', '.join(row.values())}.\n" for row in self.test) + "\n"
        self._save("train", train, len(self.train))
        self._save("test", "|1x3 Cross validator\n" + test, len(self.test))

    def _save(self, name: str, text: str, rows: int) -> None:
        content = text.encode()
        (self.folder / f"{name}.csv.gz").write_bytes(gzip.compress(content))
        raw = fetch.RawFile(f"{name}.csv", hashlib.sha256(content).hexdigest(), (), "TEST_URL")
        setattr(self, f"{name}_source", fetch.Source(raw, rows))

    def prepare(self, output: Path, force: bool = False) -> None:
        prepare.prepare(output, self.folder, force, self.train_source, self.test_source)
