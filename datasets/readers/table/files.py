"""Reads CSV, TSV and Parquet files of any size in record batches.

PyArrow reads both formats into the same arrays, and streams CSV in blocks of bounded memory.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from datasets.readers import progress
from datasets.readers.table import arrow, decoding, parquet_pages
from datasets.readers.table.arrow import pa
from datasets.readers.table.columns import KEY, Table
from datasets.readers.text_lines import is_gzip

TEXT = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
_BLOCK = 4 << 20  # bytes of text that are parsed at once; the maximum length of a row

Place = Callable[[int], str]


def table_files(paths: Sequence[str]) -> list[str]:
    """Returns the files that hold rows, without those that Spark marks with a leading ``_``.

    Raises:
        ValueError: a name has another ending, or there are no files.
    """
    tables = [path for path in paths if not os.path.basename(path).startswith("_")]
    for path in tables:
        if not _stem(path).endswith((*TEXT, *PARQUET)):
            raise ValueError(
                f"{path}: expected a name that ends in {', '.join((*TEXT, *PARQUET))} "
                "(text also with .gz)"
            )
    if not tables:
        raise ValueError(f"{os.path.dirname(paths[0])}: expected a table in the folder, found none")
    return tables


def present(path: str, table: Table, names: Sequence[str]) -> list[str]:
    """Returns those of the names that are columns of a file.

    Raises:
        ValueError: the file is damaged, or empty.
    """
    if _is_parquet(path):
        header = _schema(path)
    else:
        header = table.column_names or _first_row(path, table)[1]
    return [name for name in names if _cells_of(name, header)]


def check_columns(path: str, table: Table, names: Sequence[str]) -> None:
    """Raises a ValueError if a file lacks one of the columns, is damaged, or is empty."""
    if _is_parquet(path):
        _check_columns(path, names, _schema(path))
    else:
        _header(path, table, names)


def batches(
    path: str, table: Table, names: Sequence[str]
) -> Iterator[tuple[dict[str, pa.Array], Place]]:
    """Yields a file's columns by name, a batch of rows at a time.

    Space around the names in a file does not count.

    Each batch comes with a function that returns the place of its rows: ``file:line`` in text, the
    number of the row from 1 in Parquet.

    Args:
        path: the file.
        table: how it is read.
        names: the columns.

    Raises:
        ValueError: the file is damaged, lacks a column, or has no rows.
    """
    parquet = _is_parquet(path)
    count = 0
    for batch in (_parquet if parquet else _text)(path, table, names):
        if batch.num_rows:
            arrays = dict(zip(batch.schema.names, batch.columns))
            columns = {name: arrays[_cells_of(name, arrays)[0]] for name in names}
            yield columns, _places(path, table, parquet, count)
        count += batch.num_rows
    if not count:
        raise ValueError(f"{path}: the file holds no rows")


def _stem(path: str) -> str:
    """Returns a file's name in lower case, without ``.gz``."""
    return os.path.basename(path).lower().removesuffix(".gz")


def _is_parquet(path: str) -> bool:
    return _stem(path).endswith(PARQUET)


def place(path: str, table: Table, row: int) -> str:
    """Returns the place of a row: ``file:line`` in text, its number from 1 in Parquet."""
    return _places(path, table, _is_parquet(path), 0)(row)


def _places(path: str, table: Table, parquet: bool, first: int) -> Place:
    def of_row(row: int) -> str:
        if parquet:
            return f"{path}: row {first + row + 1}"
        skipped = first + row + (table.column_names is None)
        with suppress(csv.Error):  # Python and PyArrow interpret some quotation marks differently
            for number, line in enumerate(_lines(path, table)):
                if number == skipped:
                    return f"{path}:{line[0]}"
        return f"{path}: row {first + row + 1}"

    return of_row


def _lines(path: str, table: Table) -> Iterator[tuple[int, list[str]]]:
    """Yields the last line and the cells of each row. It is slow: only errors use it."""
    with decoding.open_text(path, table.encoding) as stream:
        rows = csv.reader(stream, delimiter=_delimiter(path, table), strict=True)
        for row in rows:
            if row:
                yield rows.line_num, row


def _delimiter(path: str, table: Table) -> str:
    return table.delimiter or ("\t" if _stem(path).endswith(".tsv") else ",")


def _check_columns(path: str, names: Sequence[str], columns: Sequence[str], hint="") -> None:
    for name in names:
        found = _cells_of(name, columns)
        if not found:
            among = ", ".join(name.strip() for name in columns[:20])
            among += ", ..." if len(columns) > 20 else ""
            raise ValueError(f"{path}: there is no column {name} among {among}{hint}")
        if len(found) > 1:
            raise ValueError(f"{path}: expected each column only once, found {name} again")


def _cells_of(name: str, header: Iterable[str]) -> list[str]:
    """Returns the cells of a header that name a column, with the space around them."""
    return [cell for cell in header if name in (cell, cell.strip())]


def _schema(path: str) -> list[str]:
    try:
        return arrow.parquet.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: {_first_line(error)}") from error


def _parquet(path: str, table: Table, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    try:
        # pre_buffer would keep the data of all row groups in memory until the end.
        with arrow.parquet.ParquetFile(path, pre_buffer=False) as file:
            header = file.schema_arrow.names
            _check_columns(path, names, header)
            names = [_cells_of(name, header)[0] for name in names]
            rows = 0
            at_once = parquet_pages.rows_at_once(path, file.metadata, names)
            for batch in file.iter_batches(at_once, columns=names, use_threads=False):
                yield batch
                rows += batch.num_rows
                progress.report(path, rows, file.metadata.num_rows, "rows")
            progress.report(path, None)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: {_first_line(error)}") from error


def _text(path: str, table: Table, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    header = _header(path, table, names)
    # The last column shows whether a quotation mark was not closed.
    found = (_cells_of(name, header)[0] for name in names)
    names = list(dict.fromkeys([*found, header[-1]]))
    last = None
    try:
        compression = "gzip" if is_gzip(path) else None
        with (
            open(path, "rb") as file,
            pa.input_stream(file, compression=compression) as stream,
        ):
            size = os.fstat(file.fileno()).st_size
            reader = arrow.csv.open_csv(
                stream,
                arrow.csv.ReadOptions(
                    use_threads=False,
                    block_size=_BLOCK,
                    column_names=table.column_names,
                    encoding=table.encoding,
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
                progress.report(path, file.tell(), size)
            progress.report(path, None)
    except (pa.ArrowException, OSError, EOFError, UnicodeError) as error:
        raise _fault(path, table, len(header), error) from error
    # PyArrow returns the first of several columns of one name: the last one is not checked above.
    if header.count(header[-1]) > 1 or (last and "\n" in last):
        _check_closed(path, table)


def _header(path: str, table: Table, names: Sequence[str]) -> Sequence[str]:
    """Returns the columns of a text file.

    Raises:
        ValueError: the file lacks a column, or is empty.
    """
    line, cells = _first_row(path, table)
    if table.column_names is not None:
        _check_columns(f"{KEY}.column_names", names, table.column_names)
        if len(cells) != len(table.column_names):
            raise ValueError(
                f"{path}:{line}: expected {len(table.column_names)} columns, as in "
                f"{KEY}.column_names, found {len(cells)}"
            )
        return table.column_names
    hint = f" ({KEY}.delimiter is {_delimiter(path, table)!r})" if len(cells) == 1 else ""
    _check_columns(f"{path}:{line}", names, cells, hint)
    return cells


def _first_row(path: str, table: Table) -> tuple[int, list[str]]:
    try:
        first = next(_lines(path, table), None)
    except csv.Error as error:
        raise ValueError(f"{path}: {error}") from error
    if first is None:
        raise ValueError(f"{path}: the file holds no rows")
    decoding.check_header(path, table.encoding, *first)
    return first


def _check_closed(path: str, table: Table) -> None:
    rows = _lines(path, table)
    line = 0
    try:
        while line is not None:
            line = next(rows, (None,))[0]
    except csv.Error as error:
        raise ValueError(
            f"{path}:{line + 1}: a quotation mark is opened and never closed"
        ) from error


def _fault(path: str, table: Table, columns: int, error: Exception) -> ValueError:
    """Returns the error of a text file that PyArrow cannot read, with its line if possible."""
    problem = f"{path}: {_first_line(error)}"
    if "straddl" in problem:
        return ValueError(
            f"{path}: expected rows of at most {_BLOCK >> 20} MB, found a longer one: is a "
            "quotation mark not closed?"
        )
    try:
        if "UTF8" in problem or isinstance(error, UnicodeError):
            fault = decoding.find_fault(path, table.encoding)
            if fault:
                return fault
        rows = 0
        for line, cells in _lines(path, table):
            rows += 1
            if len(cells) != columns:
                return ValueError(f"{path}:{line}: expected {columns} columns, found {len(cells)}")
        if rows == 1 and table.column_names is None:
            return ValueError(f"{path}: the file holds no rows")
    except csv.Error:
        return ValueError(problem)  # Python cannot read it either
    return ValueError(problem)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
