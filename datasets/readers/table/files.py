"""CSV, TSV and Parquet files in record batches, whatever their size.

PyArrow reads them: it is the reference reader of Parquet, it streams CSV in blocks of bounded
memory, and one library gives both in the same arrays.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from datasets.readers.parsed_copy import is_gzip, open_text
from datasets.readers.table import arrow
from datasets.readers.table.arrow import pa
from datasets.readers.table.columns import KEY, Table

TEXT = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
_BLOCK = 4 << 20  # bytes of text that are parsed at once; a row may not be longer
_ROWS = 1 << 16  # of Parquet, likewise

Place = Callable[[int], str]


def table_files(paths: Sequence[str]) -> list[str]:
    """Returns the files that hold rows: not those that Spark marks with a ``_``.

    Raises:
        ValueError: another one is no table by its name, or none is left.
    """
    kept = [path for path in paths if not os.path.basename(path).startswith("_")]
    for path in kept:
        if not _stem(path).endswith((*TEXT, *PARQUET)):
            raise ValueError(
                f"{path}: expected a name that ends in {', '.join((*TEXT, *PARQUET))} "
                "(text also with .gz)"
            )
    if not kept:
        raise ValueError(f"{os.path.dirname(paths[0])}: the folder holds no table")
    return kept


def column_names(path: str, table: Table) -> list[str]:
    """Returns all columns of a file.

    Raises:
        ValueError: the file is damaged, or empty.
    """
    if _is_parquet(path):
        try:
            return list(arrow.parquet.read_schema(path).names)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{path}: {_first_line(error)}") from error
    return list(table.column_names or _first_row(path, table)[1])


def batches(path: str, table: Table) -> Iterator[tuple[dict[str, pa.Array], Place]]:
    """Yields a file's columns by name, a batch of rows at a time.

    With each comes what says where a row of the batch is: ``file:line`` in text, the row, counted
    from 1, in Parquet.

    Raises:
        ValueError: the file is damaged, lacks a column, or has no rows.
    """
    parquet = _is_parquet(path)
    done = 0
    for batch in _parquet(path, table) if parquet else _text(path, table):
        if batch.num_rows:
            columns = {name: batch.column(place) for place, name in enumerate(batch.schema.names)}
            yield columns, _places(path, table, parquet, done)
        done += batch.num_rows
    if not done:
        raise ValueError(f"{path}: the file holds no rows")


def _stem(path: str) -> str:
    """Returns a file's name in small letters, without ``.gz``."""
    return os.path.basename(path).lower().removesuffix(".gz")


def _is_parquet(path: str) -> bool:
    return _stem(path).endswith(PARQUET)


def place(path: str, table: Table, row: int) -> str:
    """Returns where a file's row is: ``file:line`` in text, its number from 1 in Parquet."""
    return _places(path, table, _is_parquet(path), 0)(row)


def _places(path: str, table: Table, parquet: bool, first: int) -> Place:
    def of_row(row: int) -> str:
        if parquet:
            return f"{path}: row {first + row + 1}"
        skipped = first + row + (table.column_names is None)
        with suppress(csv.Error):  # Python and PyArrow differ in what quotation marks mean
            for number, line in enumerate(_lines(path, table)):
                if number == skipped:
                    return f"{path}:{line[0]}"
        return f"{path}: row {first + row + 1}"

    return of_row


def _lines(path: str, table: Table) -> Iterator[tuple[int, list[str]]]:
    """Yields each row's last line and its cells, slowly: to say where something is wrong."""
    with open_text(path) as stream:
        rows = csv.reader(stream, delimiter=_delimiter(path, table), strict=True)
        for row in rows:
            if row:
                yield rows.line_num, row


def _delimiter(path: str, table: Table) -> str:
    return table.delimiter or ("\t" if _stem(path).endswith(".tsv") else ",")


def _check_columns(path: str, table: Table, found: Sequence[str], hint: str = "") -> None:
    for name in table.names:
        if name not in found:
            shown = ", ".join(found[:20]) + (", ..." if len(found) > 20 else "")
            raise ValueError(f"{path}: there is no column {name} among {shown}{hint}")
        if list(found).count(name) > 1:
            raise ValueError(f"{path}: column {name} stands there twice")


def _parquet(path: str, table: Table) -> Iterator[pa.RecordBatch]:
    try:
        # Without pre_buffer: it keeps what was read of all row groups until the end.
        with arrow.parquet.ParquetFile(path, pre_buffer=False) as file:
            _check_columns(path, table, file.schema_arrow.names)
            yield from file.iter_batches(_ROWS, columns=table.names, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: {_first_line(error)}") from error


def _text(path: str, table: Table) -> Iterator[pa.RecordBatch]:
    header = _header(path, table)
    # The file's last column shows whether a quotation mark was left open.
    names = list(dict.fromkeys([*table.names, header[-1]]))
    last = None
    try:
        with pa.input_stream(path, compression="gzip" if is_gzip(path) else None) as stream:
            reader = arrow.csv.open_csv(
                stream,
                arrow.csv.ReadOptions(
                    use_threads=False, block_size=_BLOCK, column_names=table.column_names
                ),
                arrow.csv.ParseOptions(delimiter=_delimiter(path, table), newlines_in_values=True),
                arrow.csv.ConvertOptions(
                    include_columns=names,
                    column_types=dict.fromkeys(names, pa.string()),
                    strings_can_be_null=False,
                ),
            )
            for batch in reader:
                if batch.num_rows:
                    last = batch.column(names.index(header[-1]))[-1].as_py()
                yield batch
    except (pa.ArrowException, OSError, EOFError) as error:
        raise _fault(path, table, len(header), error) from error
    # Of columns of one name PyArrow gives the first: then it is not seen there.
    if header.count(header[-1]) > 1 or (last and "\n" in last):
        _check_closed(path, table)


def _header(path: str, table: Table) -> Sequence[str]:
    """Returns the file's columns.

    Raises:
        ValueError: it lacks one, or is empty.
    """
    line, cells = _first_row(path, table)
    if table.column_names is not None:
        _check_columns(f"{KEY}.column_names", table, table.column_names)
        if len(cells) != len(table.column_names):
            raise ValueError(
                f"{path}:{line}: expected {len(table.column_names)} columns, as "
                f"{KEY}.column_names has, found {len(cells)}"
            )
        return table.column_names
    hint = f" ({KEY}.delimiter is {_delimiter(path, table)!r})" if len(cells) == 1 else ""
    _check_columns(f"{path}:{line}", table, cells, hint)
    return cells


def _first_row(path: str, table: Table) -> tuple[int, list[str]]:
    try:
        first = next(_lines(path, table), None)
    except (OSError, EOFError, csv.Error) as error:
        raise ValueError(f"{path}: {error}") from error
    if first is None:
        raise ValueError(f"{path}: the file holds no rows")
    return first


def _check_closed(path: str, table: Table) -> None:
    rows = _lines(path, table)
    line = 0
    try:
        while line is not None:
            line = next(rows, (None,))[0]
    except csv.Error as error:
        problem = "a quotation mark is opened and never closed"
        raise ValueError(f"{path}:{line + 1}: {problem}") from error


def _fault(path: str, table: Table, columns: int, error: Exception) -> ValueError:
    """Returns what is wrong with a text file that PyArrow refuses, and where."""
    problem = f"{path}: {_first_line(error)}"
    if "straddl" in problem:
        hint = "a quotation mark that is not closed?"
        return ValueError(f"{path}: a row is longer than {_BLOCK >> 20} MB: {hint}")
    try:
        if "UTF8" in problem:
            with (gzip.open if is_gzip(path) else open)(path, "rb") as stream:
                for number, line in enumerate(stream, 1):
                    if line.decode("utf-8", "replace").encode() != line:
                        return ValueError(f"{path}:{number}: expected text in UTF-8")
        rows = 0
        for line, cells in _lines(path, table):
            rows += 1
            if len(cells) != columns:
                found = f"expected {columns} columns, found {len(cells)}"
                return ValueError(f"{path}:{line}: {found}")
        if rows == 1 and table.column_names is None:
            return ValueError(f"{path}: the file holds no rows")
    except (OSError, EOFError, csv.Error):
        return ValueError(problem)  # Python says no more of a damaged file than PyArrow does
    return ValueError(problem)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
