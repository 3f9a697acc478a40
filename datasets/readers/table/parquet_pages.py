"""Checks the pages of a Parquet file, whose content may be much larger than the file.

PyArrow decompresses a whole page at once and gives no limit. The size of a page and the number of
its values are in its header, a Thrift structure in the compact protocol
(github.com/apache/parquet-format: parquet.thrift, PageHeader).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

_LARGEST_CELL = 4 << 20  # bytes, on average in a page; rows of text have the same limit
_LARGEST_PAGE = 1 << 30  # bytes
_ROWS = 1 << 16
_MEMORY = 256 << 20  # bytes of the cells of a column: a cell of the dictionary may be repeated
_SIZE, _STORED, _HEADERS = 2, 3, (5, 7, 8)  # fields of PageHeader; in those of _HEADERS, 1 counts
_ROOMS = (1 << 12, 1 << 16, 1 << 20, 1 << 24)  # bytes of a header: it may contain long cells


def rows_at_once(path: str, metadata: Any, columns: Collection[str]) -> int:
    """Returns the number of rows that fit into memory together, after a check of the pages.

    Args:
        path: the file.
        metadata: its ``pyarrow.parquet.FileMetaData``.
        columns: names of the columns that are read.

    Raises:
        ValueError: a page is too large, or its header is damaged.
        OSError: the file cannot be read.
    """
    first, largest = 0, 1  # row of the group; average bytes of a cell
    with open(path, "rb") as file:
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            for place in range(group.num_columns):
                chunk = group.column(place)
                names = [n for n in columns if f"{chunk.path_in_schema}.".startswith(f"{n}.")]
                for size, values in _pages(path, file, chunk) if names else ():
                    largest = max(largest, size // max(values, 1))
                    if size > _LARGEST_PAGE or largest > _LARGEST_CELL:
                        raise ValueError(
                            f"{path}: column {names[0]}, rows from {first + 1} on: expected cells "
                            f"of at most {_LARGEST_CELL >> 20} MB and pages of at most "
                            f"{_LARGEST_PAGE >> 30} GB, found a page of {size / 2**20:.0f} MB with "
                            f"{values} cells"
                        )
            first += group.num_rows
    return max(1, min(_ROWS, _MEMORY // largest))


def _pages(path: str, file: Any, chunk: Any) -> Iterator[tuple[int, int]]:
    """Yields the size in memory and the number of values of each page of a column."""
    if not chunk.num_values:  # it has no page, and its offsets are 0
        return
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        start = min(start, chunk.dictionary_page_offset)
    end = start + chunk.total_compressed_size
    while start < end:
        header, length = _header(path, file, start)
        values = next((header[field].get(1, 0) for field in _HEADERS if field in header), 0)
        yield header.get(_SIZE, 0), values
        start += length + max(header.get(_STORED, 0), 0)


def _header(path: str, file: Any, start: int) -> tuple[dict[int, Any], int]:
    """Returns the fields of the page header at a place, and its length in bytes."""
    for room in _ROOMS:
        file.seek(start)
        thrift = _Thrift(file.read(room))
        try:
            return thrift.structure(), thrift.place
        except (IndexError, RecursionError, ValueError):
            continue
    raise ValueError(f"{path}: the header of a page at byte {start} is damaged")


class _Thrift:
    """Reads values in Thrift's compact protocol.

    Args:
        content: the bytes.
    """

    def __init__(self, content: bytes):
        self._content = content
        self.place = 0

    def structure(self) -> dict[int, Any]:
        """Returns the fields of a structure by number; texts and lists are skipped."""
        fields: dict[int, Any] = {}
        number = 0
        while kind := self._byte():
            step, kind = divmod(kind, 16)
            number = number + step if step else self._integer()
            fields[number] = True if kind in (1, 2) else self._value(kind)
        return fields

    def _value(self, kind: int) -> Any:
        if kind == 12:
            return self.structure()
        if kind in (4, 5, 6):
            return self._integer()
        if kind == 8:
            self._skip(self._number())
        elif kind in (3, 7):
            self._skip(1 if kind == 3 else 8)
        elif kind in (1, 2):  # in a list, a boolean has a byte
            self._skip(1)
        elif kind in (9, 10):
            count, inner = divmod(self._byte(), 16)
            for _ in range(self._number() if count == 15 else count):
                self._value(inner)
        else:
            raise ValueError(f"a value of kind {kind}")  # PageHeader has no map
        return None

    def _byte(self) -> int:
        self._skip(1)
        return self._content[self.place - 1]

    def _skip(self, count: int) -> None:
        self.place += count
        if self.place > len(self._content):
            raise IndexError

    def _number(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 128:
            value |= (byte & 127) << shift
            shift += 7
        return value | byte << shift

    def _integer(self) -> int:
        value = self._number()
        return value >> 1 ^ -(value & 1)
