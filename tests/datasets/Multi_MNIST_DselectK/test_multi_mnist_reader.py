from __future__ import annotations

import os
import pickle
import zipfile

import numpy as np
import pytest

from datasets.Multi_MNIST_DselectK.reader import RecDataset
from datasets.readers.stored_rows import StoredRows

RIGHT_FIRST = [{"name": "right", "label_column": 1}, {"name": "left", "label_column": 0}]


def pairs(rows: int, seed: int = 0):
    random = np.random.RandomState(seed)
    images = random.randint(0, 256, (rows, 36, 36)).astype(np.uint8)
    return images, random.randint(0, 10, (rows, 2)).astype(np.int32)


@pytest.fixture
def write(tmp_path):
    """Writes pairs in one of the three forms; returns the files."""

    def write_pairs(form: str, images, labels, name: str = "part") -> list[str]:
        path = str(tmp_path / name)
        if form == "npy":
            np.save(f"{path}_images.npy", images)
            np.save(f"{path}_labels.npy", labels)
            return [f"{path}_images.npy", f"{path}_labels.npy"]
        if form == "npz":
            np.savez_compressed(f"{path}.npz", images=images, labels=labels)
            return [f"{path}.npz"]
        with open(f"{path}.pickle", "wb") as file:
            pickle.dump((images, labels), file, protocol=int(form))
        return [f"{path}.pickle"]

    return write_pairs


def read(files, tasks=None) -> RecDataset:
    return RecDataset(files, {} if tasks is None else {"hyper_parameters.tasks": tasks})


@pytest.mark.parametrize("form", ["npy", "npz", "2", "4"])
def test_blocks_are_scaled_images_and_a_label_a_task(write, form):
    images, labels = pairs(5)
    data = read(write(form, images, labels))
    assert len(data) == 5
    for rows in (slice(1, 4), np.array([4, 0, 2])):
        scaled, left, right = data.take(rows)
        assert (scaled.dtype, scaled.shape) == (np.float32, (3, 1, 36, 36))
        assert (left.dtype, right.dtype) == (np.int64, np.int64)
        np.testing.assert_array_equal(scaled[:, 0], images[rows].astype(np.float32) / 255)
        np.testing.assert_array_equal(np.hstack([left, right]), labels[rows])
    assert scaled.max() <= 1.0
    assert not isinstance(scaled, np.memmap)


def test_labels_come_in_the_order_of_the_tasks(write):
    images, labels = pairs(4)
    _, first, second = read(write("npz", images, labels), RIGHT_FIRST).take(slice(0, 4))
    np.testing.assert_array_equal(np.hstack([first, second]), labels[:, ::-1])
    assert len(read(write("npz", images, labels), RIGHT_FIRST[:1]).take(slice(0, 4))) == 2


def test_files_of_all_forms_follow_each_other(write):
    parts = [pairs(rows, seed=rows) for rows in (3, 1, 4)]
    files = [
        file
        for form, part, name in zip(("npy", "npz", "4"), parts, "abc")
        for file in write(form, *part, name=name)
    ]
    data = read(files)
    whole = np.concatenate([images for images, _ in parts])
    assert len(data) == 8
    for rows in (slice(2, 7), np.array([7, 0, 3, 3, 2]), slice(None)):
        scaled, left, _ = data.take(rows)
        np.testing.assert_array_equal(scaled[:, 0], whole[rows].astype(np.float32) / 255)
        assert left.shape == (len(whole[rows]), 1)
    for row, block in zip(data, zip(*data.take(slice(None)))):
        assert [field.shape for field in row] == [(1, 36, 36), (1,), (1,)]
        assert all((a == b).all() for a, b in zip(row, block))


def test_images_stay_in_their_file(write):
    data = read(write("npy", *pairs(5)))
    images, _ = data._pairs._parts[0]
    assert isinstance(images, StoredRows)
    assert images.dtype == np.uint8


def test_images_that_are_cut_off_while_they_are_read(write):
    """A memory map would end the process."""
    files = write("npy", *pairs(5))
    data = read(files)
    os.truncate(files[0], 2_000)
    assert len(data.take(slice(0, 1))[0]) == 1
    with pytest.raises(OSError, match=r"part_images\.npy is truncated"):
        data.take(slice(0, 5))


IMAGES, LABELS = pairs(3)


def altered(row, column, digit):
    labels = LABELS.copy()
    labels[row, column] = digit
    return labels


@pytest.mark.parametrize("form", ["npy", "npz", "2", "4"])
@pytest.mark.parametrize(
    ("images", "labels", "complaint"),
    [
        (IMAGES[:, :28, :28], LABELS, r"images uint8 \[n, 36, 36\], found uint8 \[3, 28, 28\]"),
        (IMAGES[:, None], LABELS, r"found uint8 \[3, 1, 36, 36\]"),
        (IMAGES / 255, LABELS, r"found float64 \[3, 36, 36\]"),
        (IMAGES.astype("i4"), LABELS, r"found int32 \[3, 36, 36\]"),
        (IMAGES, LABELS[:, 0], r"expected labels, integers \[n, 2\], found int32 \[3\]"),
        (IMAGES, LABELS * 1.0, r"found float64 \[3, 2\]"),
        (IMAGES, LABELS[:2], "expected 3 labels as images, found 2"),
        (IMAGES, altered(2, 1, 10), "row 2, label 1: expected a digit 0 to 9, found 10"),
        (IMAGES, altered(0, 0, -1), "row 0, label 0: expected a digit 0 to 9, found -1"),
        (IMAGES[:0], LABELS[:0], "the file holds no images|__builtin__.bytes"),
    ],
)
def test_arrays_of_another_form(write, form, images, labels, complaint):
    files = write(form, images, labels)
    with pytest.raises(ValueError, match=complaint) as error:
        read(files)
    assert str(error.value).startswith(tuple(f"{file}: " for file in files))


@pytest.mark.parametrize("form", ["npy", "npz", "2", "4"])
def test_truncated_files_and_files_of_something_else(write, form):
    for file in write(form, IMAGES, LABELS):
        with open(file, "rb") as whole:
            content = whole.read()
        for other in (content[: len(content) // 2], content[:40], b"", b"left,right\n1,2\n"):
            files = write(form, IMAGES, LABELS)
            with open(file, "wb") as damaged:
                damaged.write(other)
            with pytest.raises(
                ValueError, match=r"truncated|expected a pickle of only NumPy arrays"
            ) as error:
                read(files)
            assert str(error.value).startswith(f"{file}: ")


def test_halves_without_each_other(write, tmp_path):
    images, labels = write("npy", IMAGES, LABELS)
    with pytest.raises(ValueError, match=r"part_images.npy: its labels are missing: no .*_labels"):
        read([images])
    with pytest.raises(ValueError, match=r"part_labels.npy: its images are missing: no .*_images"):
        read([labels])
    with pytest.raises(ValueError, match="no files"):
        read([])
    np.savez(tmp_path / "other.npz", images=IMAGES, digits=LABELS)
    with pytest.raises(ValueError, match=r"other.npz: expected members images and labels"):
        read([str(tmp_path / "other.npz")])
    np.savez(tmp_path / "objects.npz", images=np.array([len], object), labels=LABELS)
    with pytest.raises(ValueError, match=r"objects.npz: .*allow_pickle"):
        read([str(tmp_path / "objects.npz")])


def test_pickle_of_one_array(tmp_path):
    path = tmp_path / "one"
    path.write_bytes(pickle.dumps(IMAGES))
    with pytest.raises(ValueError, match=r"one: expected \(images, labels\), found 1 arrays"):
        read([str(path)])


def test_the_sum_of_the_digits_is_a_number(write):
    images, labels = pairs(4)
    tasks = [
        {"name": "total", "label_column": 2, "type": "regression"},
        {"name": "left", "label_column": 0, "type": "multiclass", "class_num": 10},
    ]
    _, total, left = read(write("npz", images, labels), tasks).take(slice(0, 4))
    assert (total.dtype, left.dtype) == (np.float32, np.int64)
    np.testing.assert_array_equal(total, labels.sum(axis=1, keepdims=True))
    np.testing.assert_array_equal(left, labels[:, :1])


@pytest.mark.parametrize("tasks", ["left", [{"name": "left"}], 7])
def test_tasks_without_a_label_column(write, tasks):
    with pytest.raises(ValueError, match=r"hyper_parameters\.tasks: expected a list of tasks"):
        read(write("npz", IMAGES, LABELS), tasks)


@pytest.mark.parametrize("column", [3, -1, True, "0"])
def test_label_columns_that_there_are_not(write, column):
    with pytest.raises(ValueError, match="label_column: expected an integer from 0 to 2"):
        read(write("npz", IMAGES, LABELS), [{"name": "left", "label_column": column}])


@pytest.mark.parametrize("size", [0, 28])
def test_a_model_of_other_images(write, size):
    files = write("npz", IMAGES, LABELS)
    assert len(RecDataset(files, {"hyper_parameters.image_size": 36})) == 3
    with pytest.raises(ValueError, match=f"image_size: expected 36, .* found {size}"):
        RecDataset(files, {"hyper_parameters.image_size": size})


@pytest.mark.parametrize("name", ["x_images.npy", "x.npz"])
@pytest.mark.parametrize(
    "content",
    [b"PK\3\4", b"\x93NUMPY\1\0v\0{'descr': '<f4', 'shape': " + b" " * 200, b"PK\5\6" + bytes(18)],
)
def test_a_damaged_file_is_one_line_that_names_it(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    np.save(tmp_path / "x_labels.npy", np.zeros((1, 2), int))
    labels = [str(tmp_path / "x_labels.npy")] if name.endswith(".npy") else []
    with pytest.raises(ValueError, match=f"^{path}: (truncated, or no|expected members)"):
        read([str(path), *labels])


def test_an_archive_with_a_member_that_is_no_array(tmp_path):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as members:
        members.writestr("images.npy", b"no array")
        members.writestr("labels.npy", b"no array")
    with pytest.raises(ValueError, match=f"^{path}: expected arrays as members"):
        read([str(path)])


def test_an_archive_that_expands_to_more_than_its_limit(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, images=np.zeros((9, 36, 36), np.uint8), labels=np.zeros((9, 2), int))
    read([str(path)])
    monkeypatch.setattr("datasets.Multi_MNIST_DselectK.pairs._LARGEST_NPZ", 9 * 36 * 36)
    with pytest.raises(ValueError, match=f"^{path}: expected at most .* file, found 0"):
        read([str(path)])
