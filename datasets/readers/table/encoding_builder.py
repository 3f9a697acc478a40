"""Builds an encoding from the training files, in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets.readers.table import files
from datasets.readers.table.cells import odd_cells, values
from datasets.readers.table.cells.categories import category_cells
from datasets.readers.table.cells.dense_cells import dense_cells
from datasets.readers.table.column_types.dense import Dense
from datasets.readers.table.column_types.sparse import Sparse
from datasets.readers.table.columns import KEY, Table
from datasets.readers.table.encoding import Encoding
from datasets.readers.table.rates import table_rates
from datasets.readers.table.targets import Targets
from datasets.readers.table.training_labels import TrainingLabel, learned_classes
from datasets.readers.table.vocabularies.history import History


@dataclass
class Found:
    """What training files have.

    Attributes:
        sums: the sum of the numbers of each dense column.
        valid: how many numbers that are.
        counts: the training rows of each value, by column that has a vocabulary.
        labels: what the label columns have.
    """

    sums: dict[str, np.ndarray]
    valid: dict[str, int]
    counts: dict[str, Counter]
    labels: list[TrainingLabel]

    def classes(self, targets: Targets) -> Mapping[str, Mapping[str, Any]]:
        """Returns the classes of ``targets`` that were to be learned, by task."""
        return learned_classes(targets, self.labels)


def learn(
    paths: Sequence[str], table: Table, targets: Targets, keeps_history: bool = False
) -> Encoding:
    """Returns the encoding of training files and checks all their cells.

    Ids are in the order of frequency, then of the text, so they do not depend on the order of rows.

    Args:
        paths: the files.
        table: their columns.
        targets: their labels and weights.
        keeps_history: whether the encoding has the counts that its extension needs.

    Raises:
        ValueError: a file, a cell or a column is invalid.
    """
    found = scan(paths, table, targets)
    fills = {column.name: fill(column, found) for column in table.dense}
    vocabularies = {column.name: vocabulary(column, found) for column in owners(table)}
    history = None
    if keeps_history:
        history = History()
        for column in owners(table):
            add_history(history, column, found, vocabularies[column.name])
    rates = table_rates.count(paths, table, targets) if table.rates else None
    return Encoding(table, fills, vocabularies, found.classes(targets), history, rates)


def owners(table: Table) -> list[Sparse]:
    """Returns the columns that have a vocabulary of their own."""
    return [c for c in table.sparse if c.share is None and c.hash_buckets is None]


def scan(paths: Sequence[str], table: Table, targets: Targets) -> Found:
    """Reads all cells of training files, checks them and counts their values.

    Raises:
        ValueError: a file, a cell or a column is invalid.
    """
    sums, valid = ({column.name: 0 for column in table.dense} for _ in range(2))
    blank = Encoding(table, {}, {})
    owner_of = {column.name: blank.owner(column) for column in table.sparse}
    counts: dict[str, Counter] = {column.name: Counter() for column in owners(table)}
    odd = np.zeros((len(table.sparse), 1 + len(odd_cells.KINDS)))
    labels = [TrainingLabel(label, targets.missing) for label in targets.stored]
    names = [*targets.names, *table.features]
    for path in paths:
        for columns, place in files.batches(path, table, names):
            for label in labels:
                label.add(columns, place)
            for dense in table.dense:
                numbers = dense_cells(dense, columns, table, place)
                sums[dense.name] += np.nansum(numbers, axis=0)
                valid[dense.name] += np.count_nonzero(~np.isnan(numbers[:, 0]))
            for number, sparse in enumerate(table.sparse):
                categories = category_cells(sparse, columns, table, place)[0]
                odd[number] += odd_cells.counts(categories)
                owner = owner_of[sparse.name].name
                if owner in counts:
                    texts, where = values.distinct(categories)
                    occurrences = np.bincount(where[where >= 0], minlength=len(texts))
                    counts[owner].update(dict(zip(texts, occurrences.tolist())))
    for sparse, found in zip(table.sparse, odd):
        place = paths[0] if len(paths) == 1 else f"{len(paths)} training files"
        odd_cells.check(sparse.name, place, found)
    return Found(sums, valid, counts, labels)


def fill(column: Dense, found: Found) -> float | list[float]:
    """Returns the value of a missing number, or of each number of a missing vector.

    Raises:
        ValueError: no training row has a number.
    """
    count = found.valid[column.name]
    if not count:
        raise ValueError(
            f"column {column.name}: expected a number in some training row, found none "
            f"(remove the column from {KEY}.dense)"
        )
    if column.fill != "mean":
        return float(column.fill)
    means = (found.sums[column.name] / count).tolist()
    return means[0] if column.vector is None else means


def vocabulary(column: Sparse, found: Found) -> list[str]:
    """Returns the values of the ids from 1 on.

    Raises:
        ValueError: no value has ``min_count`` training rows.
    """
    count_of = found.counts[column.name]
    kept = [text for text, count in count_of.items() if count >= column.min_count]
    if not kept:
        place = f"{KEY}.sparse"
        lower = f"lower {place}: {column.name}: min_count"
        raise ValueError(
            f"column {column.name}: expected a value in at least {column.min_count} training rows, "
            f"found none ({lower if count_of else f'remove the column from {place}'})"
        )
    return sorted(kept, key=lambda text: (-count_of[text], text))


def add_history(history: History, column: Sparse, found: Found, vocabulary: Sequence[str]) -> None:
    """Adds the counts of a column's first training files."""
    count_of = found.counts[column.name]
    history.counts[column.name] = [count_of[text] for text in vocabulary]
    history.seen[column.name] = [history.number] * len(vocabulary)
    history.waiting[column.name] = {
        text: [count, history.number]
        for text, count in count_of.items()
        if count < column.min_count
    }
