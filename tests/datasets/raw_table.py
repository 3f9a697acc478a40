from __future__ import annotations

from pathlib import Path

from raw_files import RawFiles

from datasets.census import columns, prepare

ROOT = Path(__file__).resolve().parents[2]


class RawTable(RawFiles):
    """A small table in the raw census form; every category of `columns` is in its train part."""

    command = prepare

    @staticmethod
    def _row(number: int) -> list[str]:
        row = dict.fromkeys(columns.RAW_COLUMNS)
        for block in columns.BLOCKS:
            place = number % block.size
            row[block.column] = f" {place}" if block.codes else f" {block.column} {place:02d}"
        for index, column in enumerate(columns.NUMERICS):
            row[column] = f" {number + index}"
        row["instance_weight"] = f" {number}.25"
        row["age"] = str(number)
        row["marital_stat"] = (" Never married", *(f" state {n}" for n in range(6)))[number % 7]
        row["income_50k"] = (" - 50000.", " 50000+.")[number % 2]
        return list(row.values())

    def save(self) -> None:
        """Write the files, and the sources that describe them."""
        for name, rows in (("train", self.train), ("test", self.test)):
            self.write(name, "".join(",".join(row) + "\n" for row in rows), len(rows))

    def driver(self, path: Path, patch: str = "") -> Path:
        """A Python program: the prepare command for this table, after `patch` has run."""
        lines = ["import sys", f"sys.path.insert(0, {str(ROOT)!r})"]
        lines += ["from datasets.census import prepare as command"]
        lines += ["from datasets.census.prepare import RawFile, Source"]
        lines += [f"command.TRAIN, command.TEST = {self.train_source}, {self.test_source}"]
        path.write_text("\n".join([*lines, patch, "sys.exit(command.main())", ""]))
        return path
