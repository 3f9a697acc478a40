"""Tables too large for a map are read from their files, and are the same tables."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from datasets.readers import text_matrix
from datasets.readers.stored_rows import StoredRows
from datasets.readers.text_matrix import TextMatrix

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def table(tmp_path):
    found = np.random.default_rng(0).integers(-(2**31), 2**31, (500, 7)).astype(np.int32)
    np.save(tmp_path / "rows.npy", found)
    return found, StoredRows(str(tmp_path / "rows.npy"))


ROWS = [
    slice(0, 500),
    slice(3, 90),
    slice(90, 3, -4),
    slice(4, 4),
    np.arange(20, 60),
    np.random.default_rng(1).permutation(500),
    np.array([499, 0, 0, 7]),
    np.empty(0, np.int64),
]


@pytest.mark.parametrize("rows", ROWS, ids=str)
@pytest.mark.parametrize("columns", [slice(0, 2), slice(2, None), slice(None)], ids=str)
def test_rows_are_those_of_the_file(table, rows, columns):
    expected, stored = table
    assert (len(stored), stored.shape, stored.dtype) == (500, (500, 7), np.int32)
    for _ in range(2):
        found = stored.take(rows, columns)
        np.testing.assert_array_equal(found, expected[:, columns][rows])
        assert found.flags.writeable
        found[:] = 0  # a reader scales in place; the next one gets the file's numbers


def test_columns_of_a_block_are_one_reading(table, monkeypatch):
    expected, stored = table
    read = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda *given: read.append(given) or pread(*given))
    rows = np.array([5, 1, 400])
    for columns in (slice(0, 1), slice(1, 3), slice(3, 7)):
        np.testing.assert_array_equal(stored.take(rows, columns), expected[rows, columns])
    assert len(read) == 3
    rows[0] = 6  # the caller's own array, which it may use again
    np.testing.assert_array_equal(stored.take(rows, slice(0, 2)), expected[rows, :2])


@pytest.mark.parametrize("row", [-1, 500])
def test_rows_that_there_are_not(table, row):
    with pytest.raises(IndexError, match=f"rows from 0 to 499, found .*{row}"):
        table[1].take(np.array([3, row]), slice(None))


def test_a_reading_in_several_parts(table, monkeypatch):
    """Linux hands over at most 2 GB at once."""
    expected, stored = table
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda file, size, at: pread(file, min(size, 1000), at))
    np.testing.assert_array_equal(stored.take(slice(0, 500), slice(None)), expected)


def test_a_file_that_was_cut_off_is_an_error_and_no_crash(tmp_path, table):
    """A memory map ends its process there."""
    os.truncate(tmp_path / "rows.npy", 5000)
    for rows in (slice(0, 500), np.array([499, 3])):
        with pytest.raises(OSError, match=r"rows\.npy is truncated"):
            table[1].take(rows, slice(None))


# Large tables of text


@pytest.fixture
def large(tmp_path, monkeypatch):
    """Two files, and a limit that they are just above."""
    paths = []
    for number, rows in enumerate((300, 200)):
        paths.append(str(tmp_path / f"part-{number}.txt"))
        table = np.random.default_rng(number).integers(0, 1000, (rows, 5))
        np.savetxt(paths[-1], table, fmt="%d", delimiter=",")
    monkeypatch.setattr(text_matrix, "_LARGEST_MAP", 500 * 5 * 4 - 1)
    return paths


@pytest.mark.parametrize("number", [1, 2])
def test_a_large_table_is_the_same_as_a_small_one(large, monkeypatch, number):
    stored = TextMatrix(large[:number], 5)
    monkeypatch.setattr(text_matrix, "_LARGEST_MAP", 1 << 29)
    mapped = TextMatrix(large[:number], 5)
    kinds = {type(part) for part in stored._parts}
    assert kinds == ({StoredRows} if number == 2 else {np.ndarray})
    assert {type(part) for part in mapped._parts} == {np.ndarray}
    for rows in (slice(0, 250), np.random.default_rng(2).permutation(300)[:99], slice(None)):
        for columns in (slice(0, 2), slice(2, None)):
            np.testing.assert_array_equal(stored.take(rows, columns), mapped.take(rows, columns))
    assert stored.place(299) == mapped.place(299) == f"{large[0]}:300"


def test_a_large_table_outlives_its_source_and_its_copy(large):
    table = TextMatrix(large, 5)
    expected = table.take(slice(None), slice(None))
    for path in large:
        Path(path).write_text("1,2,3,4,5\n")
    again = TextMatrix(large, 5)  # which removes the copies of what was there before
    assert len(again) == 2
    rows = np.array([400, 1, 299])
    np.testing.assert_array_equal(table.take(rows, slice(None)), expected[rows])


def test_files_are_closed(large):
    gc.collect()  # what other tests have left open
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        TextMatrix(large, 5).take(slice(0, 9), slice(None))
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory a process has")
def test_memory_does_not_grow_with_the_table(tmp_path):
    """All rows of 160 MB, in random order, by a process that holds a tenth of that."""
    path = tmp_path / "rows.npy"
    table = np.lib.format.open_memmap(path, "w+", np.int32, (1_000_000, 40))
    table[:] = np.arange(1_000_000)[:, None]
    del table
    code = (
        "import resource, sys, numpy as np\n"
        "from datasets.readers.stored_rows import StoredRows\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "rows, order = StoredRows(sys.argv[1]), np.random.default_rng(0).permutation(1_000_000)\n"
        "before = peak()\n"
        "for first in range(0, 1_000_000, 4096):\n"
        "    chosen = order[first : first + 4096]\n"
        "    assert (rows.take(chosen, slice(0, 40)) == chosen[:, None]).all()\n"
        "print(peak() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 16_000  # of 1024 bytes
