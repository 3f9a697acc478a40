"""The readers of text data, each with good lines of its own: what tests of faults go through."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any, Callable

from table_files import completed, configuration

from datasets.adult.reader import RecDataset as Adult
from datasets.ali_ccp.reader import RecDataset as AliCcp
from datasets.census.reader import RecDataset as Census
from datasets.kuairand.reader import RecDataset as KuaiRand
from datasets.readers.table.reader import RecDataset as Table

ROWS = 8
TWO = [{"name": "first", "label_column": 0}, {"name": "second", "label_column": 1}]
FIELDS = [{"name": "user", "size": 1000}, {"name": "tag", "size": 50, "max_len": 2}]
KUAIRAND_FIELDS = [
    {"name": "user_id", "size": 1000},
    {"name": "tag", "size": 50, "max_len": 3},
]


@dataclass(frozen=True)
class Family:
    """A form of text.

    Attributes:
        line: makes a good line of a number below 1000.
        open: makes the dataset of files, given the folder that they are in.
        ending: of the files' names.
        header: the first line, if there is one.
        label: of a line's cells, the first label.
        labels: number of labels at the start of a line.
        number: a cell that has to be a number.
        short, long: what an error says of a line with a cell less, or more.
        bad_label, bad_number: what it says of such cells, with their text.
    """

    line: Callable[[int], str]
    open: Callable[[Any, list[str]], Any]
    ending: str
    short: str
    long: str
    bad_label: str
    bad_number: str
    label: int = 0
    number: int = 2
    labels: int = 2
    header: str = ""

    def text(self, rows: int = ROWS) -> str:
        """A good file."""
        return self.header + "".join(self.line(number) + "\n" for number in range(rows))

    def rows(self, folder: Any, *paths: str) -> list:
        """All rows of files, as lists."""
        columns = self.open(folder, list(paths)).take(slice(None))
        return [[column[row].tolist() for column in columns] for row in range(len(columns[0]))]


def _of(kind: type, **values) -> Callable:
    """How a reader is opened that needs hyper-parameters alone."""

    def open_files(folder, paths):
        return kind(paths, {f"hyper_parameters.{key}": value for key, value in values.items()})

    return open_files


def _table(folder, paths):
    """How a table is opened: what its columns hold is learned from the same files."""
    config = configuration(
        folder / "yaml",
        table={
            "labels": ["click", "like"],
            "dense": ["age"],
            "sparse": [
                {"name": "user", "hash_buckets": 100_000},
                {"name": "tags", "separator": "|", "max_len": 2, "hash_buckets": 1000},
            ],
        },
    )
    return Table(paths, completed(config, paths))


def _labels(number: int) -> str:
    return f"{number % 2},{number // 2 % 2}"


def _kuairand(number: int) -> str:
    dense = ",".join(str(number + place % 8 / 8) for place in range(KuaiRand.DENSE))
    labels = ",".join([_labels(number), *"0100000", f"{number}.5", "0.25"])
    ids = {"user_id": number, "tag": f"{number % 50},0,0", "history": ",".join(50 * "0")}
    return ",".join([labels, dense, *(str(ids.get(name, 1)) for name in KuaiRand.FIELDS)])


def _adult(number: int) -> str:
    dense = ",".join(str(number + place / 8) for place in range(Adult.DENSE))
    return f"{_labels(number)},40,{dense},{number},{number % 50},0"


_MATRIX = {
    "ending": ".txt",
    "bad_label": r"column 1: expected a (label 0 or 1|number), found {}",
    "bad_number": r"column 3: expected a number, found {}",
}

FAMILIES = {
    "census": Family(
        lambda n: f"{_labels(n)},{n}.5,{-n},0",
        _of(Census, feature_size=3),
        short="expected 5 numbers, found 4",
        long="expected 5 numbers, found 6",
        **_MATRIX,
    ),
    "adult": Family(
        _adult,
        _of(Adult, tasks=TWO, dense_input_dim=1, sparse_fields=FIELDS),
        short="expected 12 numbers, found 11",
        long="expected 12 numbers, found 13",
        labels=len(Adult.LABELS),
        **_MATRIX,
    ),
    "kuairand": Family(
        _kuairand,
        _of(KuaiRand, tasks=TWO, dense_input_dim=7, sparse_fields=KUAIRAND_FIELDS),
        short="expected 208 numbers, found 207",
        long="expected 208 numbers, found 209",
        labels=len(KuaiRand.LABELS),
        **_MATRIX,
    ),
    "ali_ccp": Family(
        lambda n: f"{n},{_labels(n)},101:{n},205:{n % 7}",
        _of(
            AliCcp,
            tasks=TWO,
            sparse_fields=[{"name": "101", "size": 1000}, {"name": "205", "size": 10}],
        ),
        ending=".csv",
        label=1,
        number=3,
        short="expected id,click,buy,field:feature,",
        long="expected field:feature, found ",
        bad_label=r"column 2: expected a label click of 0 or 1, found {}",
        bad_number=r"column 4.*: expected .*, found {}",
    ),
    "table": Family(
        lambda n: f"{_labels(n)},{n}.5,{n},a{n % 3}|b",
        _table,
        ending=".csv",
        header="click,like,age,user,tags\n",
        short="expected 5 columns, found 4",
        long="expected 5 columns, found 6",
        bad_label=r"column click: expected a label 0 or 1, found {}",
        bad_number=r"column age: expected a number, found {}",
    ),
}


def left_behind(folder) -> list[str]:
    """All files of a folder and those in it but vocabularies, with their sizes."""
    found = []
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if name.startswith("vocabulary-"):
                with open(path, encoding="utf-8") as file:
                    json.load(file)  # whole, if it is there at all
            else:
                found.append((path, os.path.getsize(path)))
    return sorted(found)
