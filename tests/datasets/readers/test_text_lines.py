"""Lines have a limit, so that a small compressed file cannot fill the memory."""

import gzip
import tracemalloc

import pytest

from datasets.ali_ccp.columns import Kept
from datasets.ali_ccp.lines import table_blocks
from datasets.readers import text_lines
from datasets.readers.table import files
from datasets.readers.table.columns import table_of
from datasets.readers.text_matrix import load

TABLE = table_of({"hyper_parameters.table.labels": ["a"], "hyper_parameters.table.dense": ["b"]})
READERS = {
    "numbers": lambda path: load(path, 2),
    "ali_ccp": lambda path: list(table_blocks(path, [Kept("101", 1)])),
    "table": lambda path: list(files.batches(path, TABLE, ["a", "b"])),
}
FIRST = {"numbers": b"1,2\n", "ali_ccp": b"1,0,0,101:5\n", "table": b"a,b\n1,2\n"}


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("place", ["first", "later"])
def test_a_line_of_64_mb_in_a_small_file(tmp_path, reader, place):
    path = tmp_path / "a.csv.gz"
    before = b"" if place == "first" else FIRST[reader]
    path.write_bytes(gzip.compress(before + b"1" * (64 << 20) + b"\n"))
    assert path.stat().st_size < 70_000
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"expected (lines|rows) of at most 4 MB") as caught:
        READERS[reader](str(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 << 20
    assert "found a longer one" in str(caught.value)
    line = 1 + before.count(b"\n")
    assert str(caught.value).startswith((f"{path}:{line}: ", f"{path}: expected rows"))


def test_lines_up_to_the_limit(tmp_path, monkeypatch):
    """Ends are found wherever a block of bytes ends, also those of old Mac files."""
    monkeypatch.setattr(text_lines, "LONGEST_LINE", 200_000)
    path = tmp_path / "a.txt"
    for end in (b"\n", b"\r\n", b"\r"):
        lines = [b"x" * size for size in (0, 1, 131_071, 131_072, 131_073, 199_990)]
        path.write_bytes(end.join(lines))
        with text_lines.open_text(str(path)) as stream:
            assert [line.rstrip("\n").encode() for line in stream] == lines
    path.write_bytes(b"x\n" + b"y" * 400_000)
    with (
        pytest.raises(ValueError, match=rf"^{path}:2: "),
        text_lines.open_text(str(path)) as stream,
    ):
        list(stream)
