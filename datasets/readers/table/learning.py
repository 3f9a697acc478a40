"""An encoding is learned from the training files, in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from datasets.readers.table import files, values
from datasets.readers.table.cells import category_cells, located
from datasets.readers.table.columns import KEY, Table
from datasets.readers.table.encoding import Encoding


def learn(paths: Sequence[str], table: Table) -> Encoding:
    """Returns the encoding of training files, all of whose cells it checks.

    Ids go from the most frequent value to the least; where two are as frequent, in the order of
    their text. So they do not depend on the order of rows.

    Raises:
        ValueError: a file, a cell or a column cannot be used.
    """
    sums, present = np.zeros(len(table.dense)), np.zeros(len(table.dense), np.int64)
    blank = Encoding(table, {}, {})
    owners = {column.name: blank.owner(column) for column in table.sparse}
    counts: dict[str, Counter] = {
        name: Counter() for name, owner in owners.items() if owner.name == name
    }
    for path in paths:
        for columns, place in files.batches(path, table):
            for name in table.labels:
                with located(place, name):
                    values.labels(columns[name], table.missing)
            for number, dense in enumerate(table.dense):
                with located(place, dense.name):
                    found = values.numbers(columns[dense.name], table.missing)
                sums[number] += np.nansum(found)
                present[number] += np.count_nonzero(~np.isnan(found))
            for sparse in table.sparse:
                found = category_cells(sparse, columns, table, place)[0]
                if owners[sparse.name].hash_buckets is None:
                    texts, where = values.distinct(found)
                    times = np.bincount(where[where >= 0], minlength=len(texts))
                    counts[owners[sparse.name].name].update(dict(zip(texts, times.tolist())))
    fills = {}
    for dense, total, count in zip(table.dense, sums, present):
        if not count:
            raise ValueError(f"column {dense.name}: no training row has a number")
        fills[dense.name] = float(total / count if dense.fill == "mean" else dense.fill)
    vocabularies = {}
    for column in table.sparse:
        if column.share is None and column.hash_buckets is None:
            counted = counts[column.name]
            kept = [text for text, times in counted.items() if times >= column.min_count]
            if not kept:
                raise ValueError(
                    f"column {column.name}: no value is in {column.min_count} training rows "
                    f"({KEY}.sparse: min_count)"
                )
            vocabularies[column.name] = sorted(kept, key=lambda text: (-counted[text], text))
    return Encoding(table, fills, vocabularies)
