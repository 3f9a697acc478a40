"""Builds an encoding from the training files, in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from datasets.readers.table import files
from datasets.readers.table.cells import odd_cells, values
from datasets.readers.table.cells.categories import category_cells, located
from datasets.readers.table.columns import KEY, Table
from datasets.readers.table.encoding import Encoding
from datasets.readers.table.targets import Targets
from datasets.readers.table.training_labels import TrainingLabel, learned_classes


def learn(paths: Sequence[str], table: Table, targets: Targets) -> Encoding:
    """Returns the encoding of training files and checks all their cells.

    Ids are in the order of frequency, then of the text, so they do not depend on the order of rows.

    Raises:
        ValueError: a file, a cell or a column is invalid.
    """
    sums, valid = np.zeros(len(table.dense)), np.zeros(len(table.dense), np.int64)
    blank = Encoding(table, {}, {})
    owners = {column.name: blank.owner(column) for column in table.sparse}
    counts: dict[str, Counter] = {
        name: Counter() for name, owner in owners.items() if owner.name == name
    }
    odd = np.zeros((len(table.sparse), 1 + len(odd_cells.KINDS)))
    labels = [TrainingLabel(label, targets.missing) for label in targets.stored]
    names = [*targets.names, *table.features]
    for path in paths:
        for columns, place in files.batches(path, table, names):
            for label in labels:
                label.add(columns, place)
            for number, dense in enumerate(table.dense):
                with located(place, dense.name):
                    numbers = values.numbers(columns[dense.name], table.missing)
                sums[number] += np.nansum(numbers)
                valid[number] += np.count_nonzero(~np.isnan(numbers))
            for number, sparse in enumerate(table.sparse):
                categories = category_cells(sparse, columns, table, place)[0]
                odd[number] += odd_cells.counts(categories)
                if owners[sparse.name].hash_buckets is None:
                    texts, where = values.distinct(categories)
                    occurrences = np.bincount(where[where >= 0], minlength=len(texts))
                    counts[owners[sparse.name].name].update(dict(zip(texts, occurrences.tolist())))
    for sparse, found in zip(table.sparse, odd):
        place = paths[0] if len(paths) == 1 else f"{len(paths)} training files"
        odd_cells.check(sparse.name, place, found)
    fills = {}
    for dense, total, count in zip(table.dense, sums, valid):
        if not count:
            raise ValueError(
                f"column {dense.name}: expected a number in some training row, found none "
                f"(remove the column from {KEY}.dense)"
            )
        fills[dense.name] = float(total / count if dense.fill == "mean" else dense.fill)
    vocabularies = {}
    for column in table.sparse:
        if column.share is None and column.hash_buckets is None:
            count_of = counts[column.name]
            kept = [text for text, count in count_of.items() if count >= column.min_count]
            if not kept:
                raise ValueError(
                    f"column {column.name}: expected a value in at least {column.min_count} "
                    f"training rows, found none (lower {KEY}.sparse: {column.name}: min_count)"
                )
            vocabularies[column.name] = sorted(kept, key=lambda text: (-count_of[text], text))
    return Encoding(table, fills, vocabularies, learned_classes(targets, labels))
