"""Encodes the rows of a table file once and then reads them from a memory map."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from datasets.readers import parsed_copy
from datasets.readers.table import files
from datasets.readers.table.cells import counts as cell_counts
from datasets.readers.table.cells import values
from datasets.readers.table.cells.categories import category_cells
from datasets.readers.table.cells.counts import CellCounts
from datasets.readers.table.cells.dense_cells import dense_cells
from datasets.readers.table.columns import Sparse
from datasets.readers.table.encoding import Encoding
from datasets.readers.table.targets import Targets

_FORMAT_VERSION = 2  # of the stored rows; a new version encodes all files again


def load(
    path: str,
    encoding: Encoding,
    targets: Targets,
    cache_dir: str | None = None,
    training: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a file's rows and the counts of its cells, from their copies if up to date.

    The rows are ``[rows, labels + weights + dense + ids + weights of ids]``, int32. Numbers are
    stored as the bits of float32: ``rows[:, columns].view(np.float32)``. The counts are those of
    `CellCounts`.

    Args:
        path: the file.
        encoding: the encoding of its values.
        targets: the labels and weights. Their columns may lack.
        cache_dir: folder of the copy; the user's cache folder if None.
        training: whether it is a training file, whose rows have rates of their own.

    Raises:
        ValueError: the file or a cell is invalid, or the copy cannot be written.
    """
    form, counts = form_of(encoding, targets, training), CellCounts(encoding)
    columns = targets.width + width(encoding)
    stored = parsed_copy.load(
        path,
        columns,
        np.int32,
        lambda temporary, source: parsed_copy.write(
            temporary,
            source,
            columns,
            np.int32,
            encoded(source, encoding, targets, counts, training),
        ),
        cache_dir,
        form,
    )

    def count() -> np.ndarray:
        if not counts.complete:  # the rows were stored by an earlier run, whose counts are gone
            for _ in encoded(path, encoding, targets, counts, training):
                pass
        return counts.array

    width_of_counts, form = cell_counts.width(), f"cells {form}"
    return stored, parsed_copy.load_counts(path, width_of_counts, count, cache_dir, form)


def form_of(encoding: Encoding, targets: Targets, training: bool = False) -> str:
    """Returns a text that identifies everything that a file's rows depend on."""
    table = encoding.table
    read_as = (table.delimiter, table.column_names, table.encoding)
    rates = ("training",) if encoding.rates and training else ()
    return repr((_FORMAT_VERSION, encoding.sha256, targets.form, *read_as, *rates))


def width(encoding: Encoding) -> int:
    """Returns the number of columns of the stored features."""
    table = encoding.table
    ids = sum(encoding.width(column) for column in table.sparse)
    return sum(table.dense_sizes) + ids + weight_width(encoding)


def weight_width(encoding: Encoding) -> int:
    """Returns the number of columns of the stored weights of ids, which stand last."""
    return sum(encoding.width(column) for column in encoding.table.sparse if column.weighted)


def encoded(
    path: str, encoding: Encoding, targets: Targets, counts: CellCounts, training: bool = False
) -> Iterator[np.ndarray]:
    """Yields a file's rows in blocks ``[n, width]`` int32, and counts their cells.

    Raises:
        ValueError: the file or a cell is invalid, or most cells of a column are odd.
    """
    table = encoding.table
    names = [*files.present(path, table, targets.names), *table.features]
    for columns, place in files.batches(path, table, names):
        total = len(columns[names[0]])
        parts = targets.encoded(columns, total, place)
        for number, dense in enumerate(table.dense):
            numbers = dense_cells(dense, columns, table, place)
            counts.add_numbers(number, numbers)
            filled = np.where(np.isnan(numbers), encoding.fills[dense.name], numbers)
            parts.append(filled.astype(np.float32).view(np.int32))
        if encoding.rates:
            rates = encoding.rates.loaded().of_rows(columns, table, place, training)
            for number, column in enumerate(rates.T):
                # A key without rows counts as missing, so that new keys show.
                is_count = number % (1 + len(table.rates.of)) == 0
                shown = np.where(column > 0, column, np.nan) if is_count else column
                counts.add_numbers(len(table.dense) + number, shown)
                parts.append(column.view(np.int32))
        weights: list[np.ndarray] = []
        for number, sparse in enumerate(table.sparse, len(table.dense_names)):
            categories, rows, own = category_cells(sparse, columns, table, place)
            texts, where = values.distinct(categories)
            found = encoding.ids(sparse, texts)
            ids = np.concatenate([found, np.zeros_like(found, shape=(1, found.shape[1]))])[where]
            counts.add_categories(number, categories, rows, ids[:, 0], total)
            parts.append(_padded(ids, ids, rows, sparse, total))
            if own is not None:
                bits = np.repeat(own.view(np.int32)[:, None], ids.shape[1], axis=1)
                weights.append(_padded(bits, ids, rows, sparse, total))
        yield np.column_stack([*parts, *weights]).astype(np.int32, copy=False)
    counts.finish(path)


def _padded(
    numbers: np.ndarray, ids: np.ndarray, rows: np.ndarray, column: Sparse, count: int
) -> np.ndarray:
    """Returns each row's numbers that are kept, ``[count, max_len * hash_num]``, padded with 0.

    They are those of the first or the last values whose ids are not 0, in the cell's order.

    Args:
        numbers: the ids of each value or the bits of its weight, ``[values, hash_num]``.
        ids: the ids of each value, ``[values, hash_num]``.
        rows: the row of each value ``[values]``.
        column: the column.
        count: the number of rows.
    """
    if column.separator is None:
        return numbers
    known = ids[:, 0] > 0
    numbers, rows = numbers[known], rows[known]
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    if column.keep == "last":
        place -= np.maximum(np.bincount(rows, minlength=count) - column.max_len, 0)[rows]
    kept = (place >= 0) & (place < column.max_len)
    table = np.zeros((count, column.max_len, numbers.shape[1]), np.int32)
    table[rows[kept], place[kept]] = numbers[kept]
    return table.reshape([count, -1])
