"""Parquet's page headers are read right, and pages that are too large are refused."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest

from datasets.readers.table import files, parquet_pages
from datasets.readers.table.columns import table_of

TABLE = table_of({"hyper_parameters.table.labels": ["y"], "hyper_parameters.table.sparse": ["s"]})


@pytest.mark.parametrize("compression", ["snappy", "none"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_pages_add_up_to_what_the_metadata_say(tmp_path, compression, version, dictionary):
    path, rows = str(tmp_path / "a.parquet"), 5000
    draw = np.random.default_rng(0)
    columns = {
        "number": draw.random(rows),
        "flag": draw.random(rows) > 0.5,
        "text": [None if n % 7 == 0 else "x" * (n % 2000) for n in range(rows)],
        "list": [["a", "b"][: n % 3] for n in range(rows)],
    }
    options = {"data_page_version": version, "use_dictionary": dictionary, "row_group_size": 1900}
    pa_parquet.write_table(
        pa.table(columns), path, compression=compression, data_page_size=10_000, **options
    )
    metadata = pa_parquet.read_metadata(path)
    with open(path, "rb") as file:
        for group in map(metadata.row_group, range(metadata.num_row_groups)):
            for chunk in map(group.column, range(group.num_columns)):
                pages = list(parquet_pages._pages(path, file, chunk))
                of_data = pages[1:] if chunk.has_dictionary_page else pages
                assert sum(count for _, count in of_data) == chunk.num_values
                size = sum(size for size, _ in pages)
                headers = chunk.total_uncompressed_size - size
                assert 0 < headers < 5000 * len(pages)
    assert parquet_pages.rows_at_once(path, metadata, list(columns)) == 1 << 16


def write(path, cells, **options):
    table = pa.table({"y": [0] * len(cells), "s": cells})
    pa_parquet.write_table(table, path, compression="zstd", **options)
    return str(path)


@pytest.mark.parametrize("dictionary", [True, False])
def test_a_cell_of_64_mb_in_a_small_file(tmp_path, dictionary):
    path = write(tmp_path / "a.parquet", ["b", "x" * (64 << 20)], use_dictionary=dictionary)
    assert (tmp_path / "a.parquet").stat().st_size < 30_000
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    with pytest.raises(ValueError, match="expected cells of at most 4 MB") as caught:
        next(files.batches(path, TABLE, ["y", "s"]))
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()
    assert pa.total_allocated_bytes() - before < 1 << 20
    assert str(caught.value) == (
        f"{path}: column s, rows from 1 on: expected cells of at most 4 MB and pages of at most "
        "1 GB, found a page of 64 MB with 2 cells"
    )


def test_a_long_cell_that_is_repeated_is_read_in_few_rows(tmp_path):
    """The dictionary of the file has it once, the rows in memory have it a thousand times."""
    path = write(tmp_path / "a.parquet", ["x" * (2 << 20)] * 1000)
    assert parquet_pages.rows_at_once(path, pa_parquet.read_metadata(path), ["s"]) == 127
    columns, _ = next(files.batches(path, TABLE, ["y", "s"]))
    assert len(columns["s"]) == 127


def test_a_damaged_page_header_is_one_line(tmp_path):
    path = write(tmp_path / "a.parquet", ["b", "c"])
    start = pa_parquet.read_metadata(path).row_group(0).column(1).dictionary_page_offset
    with open(path, "r+b") as file:
        file.seek(start)
        file.write(b"\xff" * 40)
    with pytest.raises(ValueError, match=rf"^{path}: the header of a page at byte {start} is dam"):
        next(files.batches(path, TABLE, ["y", "s"]))
