from __future__ import annotations

from raw_files import RawFiles

from datasets.adult import columns, prepare

STATES = tuple(columns.LABELS[1].values)


class AdultTable(RawFiles):
    """A small table in the raw Adult form."""

    command = prepare

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
        self.write("train", train, len(self.train))
        self.write("test", "|1x3 Cross validator\n" + test, len(self.test))
