"""Faults of data, each really made, in every family of text files.

A reader either reads the same rows as of the plain file, or ends in one line that names file and
line; and then nothing of the file's parsed copy is left.
"""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest
from text_families import FAMILIES, ROWS, left_behind

from datasets.Multi_MNIST_DselectK.reader import RecDataset as Pictures
from datasets.readers import parsed_copy, text_matrix
from datasets.readers.table import encoding_builder

BOM = b"\xef\xbb\xbf"


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The folder of the parsed copies, which `left_behind` lists too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "paddlemtl"


@pytest.fixture
def data(tmp_path):
    """The folder of the files, and nothing else."""
    (tmp_path / "data").mkdir()
    (tmp_path / "yaml").mkdir()
    return tmp_path / "data"


@pytest.fixture
def refusal(tmp_path):
    """What a reader says of files, which is one line, and leaves nothing.

    A number that is no label is found when its row is taken: then the file's copy is whole.
    """

    def read(family, *paths, parsed=False):
        files = left_behind(tmp_path)
        with pytest.raises(ValueError, match=r"\w") as caught:
            family.rows(tmp_path, *map(str, paths))
        for path in set(left_behind(tmp_path)) - set(files):
            assert parsed
            assert len(np.load(path[0])) == ROWS
        assert set(files) <= set(left_behind(tmp_path))
        message = str(caught.value)
        assert "\n" not in message
        return message

    return read


def written(data, family, content, name="rows"):
    path = data / f"{name}{family.ending}"
    path.write_bytes(content)
    return path


# Forms that are no fault


FORMS = {
    "no end": lambda text: text.rstrip("\n").encode(),
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "CRLF, no end": lambda text: text.rstrip("\n").replace("\n", "\r\n").encode(),
    "BOM": lambda text: BOM + text.encode(),
    "BOM, CRLF": lambda text: BOM + text.replace("\n", "\r\n").encode(),
    "blank lines": lambda text: text.replace("\n", "\n\n").encode(),
}


@pytest.fixture
def plain(tmp_path, data, family):
    """The rows of the plain file."""
    rows = family.rows(tmp_path, str(written(data, family, family.text().encode(), "plain")))
    assert len(rows) == ROWS
    assert len({str(row) for row in rows}) == ROWS
    return rows


@pytest.mark.parametrize("ending", ["", ".gz", ".GZ"])
@pytest.mark.parametrize("form", FORMS)
def test_a_form_of_text(tmp_path, data, family, plain, form, ending):
    content = FORMS[form](family.text())
    path = data / f"rows{family.ending}{ending}"
    path.write_bytes(gzip.compress(content) if ending else content)
    for _ in range(2):  # parsed, then from the copy
        assert family.rows(tmp_path, str(path)) == plain


def test_a_gzip_file_of_several_members(tmp_path, data, family, plain):
    """As ``cat a.gz b.gz`` makes it."""
    text = family.text().encode()
    path = data / f"rows{family.ending}.gz"
    path.write_bytes(b"".join(gzip.compress(text[at : at + 50]) for at in range(0, len(text), 50)))
    assert family.rows(tmp_path, str(path)) == plain


def test_plain_and_compressed_files_in_one_folder(tmp_path, data, family, plain):
    text = family.text().encode()
    paths = [written(data, family, text, "a"), data / f"b{family.ending}.gz"]
    paths[1].write_bytes(gzip.compress(text))
    assert family.rows(tmp_path, *map(str, paths)) == plain * 2


# Files without rows, and files that are no text


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\r\n", BOM, None], ids=["empty", "LF", "CRLF", "BOM", "header"]
)
def test_a_file_without_rows(data, family, refusal, content, compressed):
    content = family.header.encode() if content is None else content
    good = written(data, family, family.text().encode(), "a")
    path = data / f"b{family.ending}{'.gz' if compressed else ''}"
    path.write_bytes(gzip.compress(content) if compressed else content)
    assert refusal(family, path, good) == f"{path}: the file holds no rows"


def test_a_compressed_file_of_no_bytes(data, family, refusal):
    path = data / f"rows{family.ending}.gz"
    path.write_bytes(b"")
    assert refusal(family, path) == f"{path}: the file holds no rows"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_gzip_file(data, family, refusal, share):
    content = gzip.compress(family.text(300).encode())
    path = data / f"rows{family.ending}.gz"
    path.write_bytes(content[: int(share * len(content))])
    assert refusal(family, path).startswith(f"{path}: ")


@pytest.mark.parametrize("damage", ["plain", "flipped", "no checksum"])
def test_a_damaged_gzip_file(data, family, refusal, damage):
    content = bytearray(gzip.compress(family.text(300).encode()))
    if damage == "flipped":
        content[len(content) // 2] ^= 0xFF
    elif damage == "no checksum":
        content[-8:-4] = b"\0\0\0\0"
    path = data / f"rows{family.ending}.gz"
    path.write_bytes(family.text().encode() if damage == "plain" else bytes(content))
    assert refusal(family, path).startswith(f"{path}")


def test_a_binary_file(data, family, refusal):
    content = np.random.default_rng(0).bytes(5_000).replace(b"\n", b"x")
    path = written(data, family, content)
    assert refusal(family, path).startswith(f"{path}")


# Lines and cells that are wrong

LINE = 5  # of the file, where the fault is; a blank one is before it


def spoilt(family, change):
    """A file with one line changed, and good ones around it."""
    lines = family.text().splitlines()
    lines.insert(2, "")
    cells = lines[LINE - 1].split(",")
    change(cells)
    lines[LINE - 1] = ",".join(cells)
    return ("\n".join(lines) + "\n").encode()


def located(data, family, refusal, change, parsed=False):
    """What is said of the line after its file's name and number; also behind another file."""
    good = written(data, family, family.text().encode(), "a")
    path = written(data, family, spoilt(family, change), "b")
    found = refusal(family, path, parsed=parsed)
    assert refusal(family, path, good, parsed=parsed) == found
    prefix = f"{path}:{LINE}: "
    assert found.startswith(prefix), found
    return found[len(prefix) :]


def test_a_line_short(data, family, refusal):
    def change(cells):
        del cells[2 if family.label else -1 :]  # of Ali-CCP any number of features is right

    assert located(data, family, refusal, change).startswith(family.short)


def test_a_line_long(data, family, refusal):
    found = located(data, family, refusal, lambda cells: cells.append("7"))
    assert re.search(rf"(^|: ){re.escape(family.long)}", found)


@pytest.mark.parametrize("text", ["ten", "1e39", "inf", "-inf", "Infinity", "nan", "1_0", "0x1F"])
def test_what_is_no_number(data, family, refusal, text):
    if text == "nan" and ("click,like,age" in family.header or family.number < family.labels):
        pytest.skip("a missing number of a table or a missing label: the next tests")
    shown = f"101:{text}" if family.label else text

    def change(cells):
        cells[family.number] = shown

    found = located(data, family, refusal, change)
    assert re.match(family.bad_number.format(f"'{re.escape(text)}'"), found), found


def test_nan_is_a_missing_number_of_a_table(tmp_path, data):
    """The mean of the others stands for it: 0.5 to 7.5 without 2.5."""
    family = FAMILIES["table"]
    text = family.text().replace(",2.5,", ",nan,")
    rows = family.rows(tmp_path, str(written(data, family, text.encode())))
    assert rows[2][0] == [pytest.approx((32 - 2.5) / 7)]


@pytest.mark.parametrize("text", ["", " ", "nan"])
def test_a_row_without_a_label(tmp_path, data, family, plain, text):
    """It is -100, in a task of classes; the other labels stay."""
    if family.label:
        pytest.skip("Ali-CCP has every label")

    def change(cells):
        cells[family.label] = text

    rows = family.rows(tmp_path, str(written(data, family, spoilt(family, change))))
    row = LINE - 2 - bool(family.header)  # without the blank line before it
    task = -1 if family is FAMILIES["census"] else -2  # of census the second one is in column 0
    plain[row][task] = [-100]
    assert rows == plain


@pytest.mark.parametrize("text", ["2", "-1", "0.5", "inf", "yes"])
def test_a_label_that_is_neither_0_nor_1(data, family, refusal, text):
    def change(cells):
        cells[family.label] = text

    found = located(data, family, refusal, change, parsed=True)
    assert re.match(family.bad_label.format(""), found), found


def test_a_fault_far_down_leaves_nothing_of_what_was_parsed(data, family, refusal, monkeypatch):
    monkeypatch.setattr(text_matrix, "_TEXT_AT_ONCE", 1000)
    rows = 8300
    text = family.header + "".join(family.line(n % 1000) + "\n" for n in range(rows)) + "x,y\n"
    line = rows + 1 + bool(family.header)
    assert refusal(family, written(data, family, text.encode())).startswith(
        f"{data}/rows{family.ending}:{line}: "
    )


# Many files


def test_a_hundred_files(tmp_path, data, family):
    paths, expected = [], []
    for number in range(100):
        lines = [family.line((3 * number + row) % 1000) for row in range(3)]
        text = family.header + "\n".join(lines)
        path = data / f"part-{number:03}{family.ending}{'.gz' if number % 2 else ''}"
        path.write_bytes(gzip.compress(text.encode()) if number % 2 else text.encode())
        paths.append(str(path))
        expected += lines
    whole = written(data, family, (family.header + "\n".join(expected)).encode(), "whole")
    assert family.rows(tmp_path, *paths) == family.rows(tmp_path, str(whole))
    dataset = family.open(tmp_path, paths)
    order = np.random.default_rng(0).permutation(300)
    for column, ordered in zip(dataset.take(order), dataset.take(slice(None))):
        np.testing.assert_array_equal(column, ordered[order])
    assert dataset.place(3 * 71 + 1) == f"{paths[71]}:{2 + bool(family.header)}"


# Files that change while they are used


def change_size(path, family):
    path.write_bytes(path.read_bytes() + (family.line(500) + "\n").encode())


def change_time(path, family):
    status = os.stat(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(family.line(1).encode(), family.line(3).encode()))
    assert os.stat(path).st_size == status.st_size
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


@pytest.mark.parametrize("change", [change_size, change_time])
def test_a_changed_file_is_parsed_again(tmp_path, data, family, plain, change):
    path = written(data, family, family.text().encode())
    assert family.rows(tmp_path, str(path)) == plain
    change(path, family)
    fresh = written(data, family, path.read_bytes(), "fresh")
    found = family.rows(tmp_path, str(path))
    assert found == family.rows(tmp_path, str(fresh))
    assert found != plain


def cut_off(path):
    os.truncate(path, 10)


def write_over(path):
    path.write_bytes(b"9" * path.stat().st_size)


@pytest.mark.parametrize("change", [cut_off, write_over, os.remove])
def test_a_file_that_changes_in_an_epoch_changes_no_row_of_it(tmp_path, data, family, change):
    """The rows are those of the copy, which is a file of its own."""
    rows = 600
    text = family.header + "".join(family.line(n) + "\n" for n in range(rows))
    path = written(data, family, text.encode())
    expected = family.open(tmp_path, [str(path)]).take(slice(None))
    dataset = family.open(tmp_path, [str(path)])
    order = np.random.default_rng(1).permutation(rows)
    for first in range(0, rows, 100):
        block = dataset.take(order[first : first + 100])
        for column, whole in zip(block, expected):
            np.testing.assert_array_equal(column, whole[order[first : first + 100]])
        if first == 200:
            change(path)


def test_a_file_that_changes_while_it_is_parsed_is_refused(
    tmp_path, data, family, refusal, monkeypatch
):
    """Of the same size and number of lines: nothing but the time tells."""
    path = written(data, family, family.text().encode())
    write = parsed_copy.write

    def changing(temporary, source, *given):
        write(temporary, source, *given)
        status = os.stat(source)
        os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns + 1))

    with monkeypatch.context() as patch:
        patch.setattr(parsed_copy, "write", changing)
        assert refusal(family, path) == f"{path}: the file changed while it was read"
    assert len(family.rows(tmp_path, str(path))) == ROWS


def test_a_table_that_changes_between_learning_and_reading(tmp_path, data, refusal, monkeypatch):
    family = FAMILIES["table"]
    path = written(data, family, family.text().encode())
    learn = encoding_builder.learn

    def learn_and_change(paths, *given):
        found = learn(paths, *given)
        Path(paths[0]).write_text(family.text(3))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(encoding_builder, "learn", learn_and_change)
        with pytest.raises(ValueError, match="changed while") as caught:
            family.rows(tmp_path, str(path))
    assert str(caught.value) == f"{path}: the file changed while it was read"
    assert left_behind(tmp_path) == [(str(path), len(family.text(3)))]
    assert len(family.rows(tmp_path, str(path))) == 3


@pytest.mark.parametrize("fault", [KeyboardInterrupt, MemoryError])
def test_a_parse_that_is_broken_off_leaves_nothing(tmp_path, data, family, monkeypatch, fault):
    path = written(data, family, family.text().encode())
    before = left_behind(tmp_path)

    def broken_off(*_):
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(parsed_copy.shutil, "copymode", broken_off)  # all is written, not renamed
        with pytest.raises(fault):
            family.rows(tmp_path, str(path))
    assert left_behind(tmp_path) == before
    assert len(family.rows(tmp_path, str(path))) == ROWS


# Parquet


def parquet(path, **columns):
    number = np.arange(ROWS)
    table = {"click": number % 2, "like": number // 2 % 2, "age": number + 0.5, "user": number}
    table["tags"] = [f"a{n % 3}|b" for n in range(ROWS)]
    pa_parquet.write_table(pa.table({**table, **columns}), path)
    return str(path)


def test_parquet_holds_the_rows_of_the_text(tmp_path, data):
    family = FAMILIES["table"]
    text = str(written(data, family, family.text().encode()))
    assert family.rows(tmp_path, parquet(data / "a.parquet")) == family.rows(tmp_path, text)


def test_a_hundred_parquet_files(tmp_path, data):
    family = FAMILIES["table"]
    paths = [parquet(data / f"part-{n:03}.parquet", user=np.arange(8) + n) for n in range(100)]
    rows = family.rows(tmp_path, *paths)
    assert len(rows) == 100 * ROWS
    assert rows[8 * 41 : 8 * 42] == family.rows(tmp_path, paths[41])


@pytest.mark.parametrize("keep", [0, 3, 100, -8, -1])
def test_a_damaged_parquet_file(data, refusal, keep):
    path = Path(parquet(data / "a.parquet"))
    path.write_bytes(path.read_bytes()[:keep])
    assert refusal(FAMILIES["table"], path).startswith(f"{path}: ")


def test_a_parquet_file_without_rows(data, refusal):
    path = parquet(data / "a.parquet")
    pa_parquet.write_table(pa_parquet.read_table(path).slice(0, 0), path)
    assert refusal(FAMILIES["table"], path) == f"{path}: the file holds no rows"


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("age", np.inf, "column age: expected a number, found inf"),
        ("click", 2, "column click: expected a label 0 or 1, found '2'"),
        ("click", 0.5, "column click: expected a label 0 or 1, found '0.5'"),
    ],
)
def test_a_cell_of_parquet_that_is_wrong(data, refusal, column, value, problem):
    cells = np.array([1.0, 0, 1, 1, 0, 1, 0, 1])
    cells[5] = value
    path = parquet(data / "a.parquet", **{column: cells})
    assert refusal(FAMILIES["table"], path).startswith(f"{path}: row 6: {problem}")


@pytest.mark.parametrize("change", [cut_off, os.remove])
def test_a_parquet_file_that_changes_in_an_epoch(tmp_path, data, change):
    path = Path(parquet(data / "a.parquet"))
    dataset = FAMILIES["table"].open(tmp_path, [str(path)])
    before = [column.tolist() for column in dataset.take(slice(None))]
    change(path)
    order = np.arange(ROWS)[::-1]
    assert [column.tolist()[::-1] for column in dataset.take(order)] == before


# Pictures: their reader's faults are in test_multi_mnist_reader.py


def test_a_hundred_files_of_pictures(data):
    images = np.random.default_rng(0).integers(0, 256, (200, 36, 36)).astype(np.uint8)
    digits = np.random.default_rng(1).integers(0, 10, (200, 2))
    paths = []
    for number in range(100):
        rows = slice(2 * number, 2 * number + 2)
        paths.append(str(data / f"part-{number:03}.npz"))
        np.savez(paths[-1], images=images[rows], labels=digits[rows])
    order = np.random.default_rng(2).permutation(200)
    scaled, left, right = Pictures(paths, {}).take(order)
    np.testing.assert_array_equal(scaled[:, 0], (images[order] / np.float32(255)))
    np.testing.assert_array_equal(np.hstack([left, right]), digits[order])


@pytest.mark.parametrize("name", ["part.npz", "part_images.npy", "part.pickle"])
def test_an_empty_file_of_pictures(data, name):
    path = data / name
    path.write_bytes(b"")
    files = [str(path)]
    if name.endswith(".npy"):
        files.append(str(data / "part_labels.npy"))
        np.save(files[1], np.zeros((2, 2), np.int64))
    with pytest.raises(ValueError, match=re.escape(str(path))):
        Pictures(files, {})
