from __future__ import annotations

import hashlib

import numpy as np
import pytest
from mnist_files import ROOT

from datasets.Multi_MNIST_DselectK import sample

# Of the arrays that seed 2022 gives; the same on numpy 1.26 and 2.x.
SHA256 = {
    "train": "7f385d32f57ce0f139e3761a4269a9426eb3b185d48b8dce5387a373e890ca8f",
    "test": "ab59e0c0db756ac7c3befe0ea9b52a1260c4667445631c2234654c289da741e3",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The default sample."""
    folder = tmp_path_factory.mktemp("sample")
    assert sample.main(["--output_dir", str(folder)]) == 0
    return {split: folder / split / f"{split}_data.npz" for split in SHA256}


def arrays(path):
    with np.load(path) as members:
        return members["images"], members["labels"]


def test_arrays_are_pinned(files):
    for split, path in files.items():
        content = b"".join(array.tobytes() for array in arrays(path))
        assert hashlib.sha256(content).hexdigest() == SHA256[split]
    assert sum(path.stat().st_size for path in files.values()) < 200_000


def test_form(files):
    for rows, path in zip((400, 200), files.values()):
        images, labels = arrays(path)
        assert (images.shape, images.dtype) == ((rows, 36, 36), np.uint8)
        assert (labels.shape, labels.dtype) == ((rows, 2), np.int32)
        assert (labels[:, 0] != labels[:, 1]).all()
        assert (np.bincount(labels[:, 0]) == rows // 10).all()
        assert np.bincount(labels[:, 1]).min() > rows // 20
        assert (images.max(axis=(1, 2)) == 255).all()


def test_what_ships_is_what_the_generator_makes(files):
    for split, path in files.items():
        folder = ROOT / "datasets" / "Multi_MNIST_DselectK" / "sample_data" / split
        shipped = arrays(folder / f"{split}_data.npz")
        assert all((a == b).all() for a, b in zip(shipped, arrays(path)))


@pytest.mark.parametrize("task", [0, 1])
def test_digits_are_learned_by_a_far_simpler_model(files, task):
    """The nearest of the ten mean images is right 7 times in 10, by chance it were 1."""
    (train, classes), (test, expected) = (
        (images.reshape(len(images), -1) / 255, labels[:, task])
        for images, labels in map(arrays, files.values())
    )
    centres = np.stack([train[classes == digit].mean(axis=0) for digit in range(10)])
    distances = ((test[:, None] - centres) ** 2).sum(axis=2)
    assert (distances.argmin(axis=1) == expected).mean() > 0.65


def test_seeds_and_files_differ():
    images = [sample.pair_rows(*of, 20)[0] for of in ((2022, 0), (2022, 1), (3, 0))]
    assert (images[0] == sample.pair_rows(2022, 0, 20)[0]).all()
    assert (images[0] != images[1]).any(axis=(1, 2)).all()
    assert (images[0] != images[2]).any(axis=(1, 2)).all()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--seed", "-1"], "--seed: expected an integer from 0 to 4294967295, found '-1'"),
        (
            ["--seed", str(2**32)],
            "--seed: expected an integer from 0 to 4294967295, found '4294967296'",
        ),
        (
            ["--train_rows", "9"],
            "--train_rows: expected an integer from 10 to 4294967295, found '9'",
        ),
        (["--test_rows", "9"], "--test_rows: expected an integer from 10 to 4294967295, found '9'"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, arguments, complaint):
    with pytest.raises(SystemExit) as end:
        sample.main(["--output_dir", str(tmp_path / "x"), *arguments])
    assert end.value.code == 2
    assert capsys.readouterr().err == f"error: argument {complaint}\n"
    assert not (tmp_path / "x").exists()


def test_nowhere_to_write(capsys):
    assert sample.main(["--output_dir", __file__]) == 2
    assert capsys.readouterr().err.startswith("error: ")
