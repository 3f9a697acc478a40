from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mnist_files import NAMES, ROOT, TEST_NAMES, MnistFiles, idx, written

from datasets.Multi_MNIST_DselectK import prepare
from datasets.Multi_MNIST_DselectK.idx import read_idx
from datasets.Multi_MNIST_DselectK.overlay import lay_out, overlay
from datasets.Multi_MNIST_DselectK.splits import SPLITS
from datasets.preparing.command import DataError


@pytest.fixture
def mnist(tmp_path):
    return MnistFiles(tmp_path / "raw")


def test_sizes_of_the_real_thing():
    assert [split.rows for split in SPLITS] == [100_000, 20_000, 20_000]
    train, valid, test = SPLITS
    assert train.raw is valid.raw is not test.raw
    assert (train.last, valid.first) == (50_000, 50_000)  # no image in both


def test_every_pixel_follows_from_the_rule(mnist, tmp_path):
    """Each row is found again, by trying every second digit and both places."""
    mnist.prepare(tmp_path / "out")
    for split in mnist.splits:
        images, labels = written(tmp_path / "out")[split.name]
        assert (images.shape, images.dtype) == ((split.rows, 36, 36), np.uint8)
        assert (labels.shape, labels.dtype) == ((split.rows, 2), np.int32)
        own = slice(split.first, split.last)
        patches = mnist.images[split.raw[0].name][own].astype(int)
        classes = mnist.classes[split.raw[0].name][own]
        for row, (left, right) in enumerate(labels):
            source = row % len(patches)
            assert left == classes[source]
            assert right != left
            found = []
            for s in range(1, 5):
                for r in range(5, 9):
                    for other in np.flatnonzero(classes == right):
                        whole = np.zeros((36, 36), int)
                        whole[s : s + 28, s : s + 28] = patches[source]
                        whole[r : r + 28, r : r + 28] += patches[other]
                        found.append((np.minimum(whole, 255) == images[row]).all())
            assert sum(found) == 1


def test_every_place_and_every_other_image_comes_up_alike():
    classes = np.array([0] * 5 + [1] * 3 + [7] * 2)
    drawn = lay_out(classes, 40_000, 1, 0)
    assert (classes[drawn.left] != classes[drawn.right]).all()
    assert (drawn.left == np.arange(40_000) % 10).all()
    for places, first in ((drawn.left_place, 1), (drawn.right_place, 5)):
        assert np.bincount(places)[first:] / 10_000 == pytest.approx([1] * 4, rel=0.05)
    beside_0 = np.bincount(drawn.right[classes[drawn.left] == 0], minlength=10)
    assert beside_0[5:] / 4_000 == pytest.approx([1] * 5, rel=0.08)
    assert drawn.left_place.dtype == drawn.right.dtype == np.int64


def test_first_rows_do_not_depend_on_how_many_follow():
    classes = np.arange(30) % 10
    few, many = lay_out(classes, 7, 3, 0), lay_out(classes, 90, 3, 0)
    assert all((a == b).all() for a, b in zip(few, many.part(slice(7))))
    for other in (lay_out(classes, 90, 4, 0), lay_out(classes, 90, 3, 1)):
        assert (other.right != many.right).any()


def test_sum_is_cut_off_at_white():
    images = np.full((2, 28, 28), 200, np.uint8)
    found = overlay(images, lay_out(np.array([3, 4]), 1, 0, 0))
    assert set(np.unique(found)) == {0, 200, 255}


def test_one_class_alone_makes_no_pairs():
    with pytest.raises(ValueError, match="4 images of one class"):
        lay_out(np.array([2, 2, 2, 2]), 5, 0, 0)


def test_equal_bytes_every_time_and_from_plain_files(mnist, tmp_path, capsys):
    mnist.prepare(tmp_path / "one")
    MnistFiles(tmp_path / "plain", compressed=False).prepare(tmp_path / "two")
    manifests = [tmp_path / name / ".prepared" / "manifest.json" for name in ("one", "two")]
    one, two = (json.loads(path.read_text()) for path in manifests)
    assert one == two
    assert one["outputs"]["train_all/train_images.npy"]["rows"] == 50
    assert (one["source"], one["seed"]) == ("mnist", prepare.SEED)
    capsys.readouterr()
    mnist.prepare(tmp_path / "one")
    assert capsys.readouterr().out.startswith("already prepared")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "begins with nothing, expected 00 00 08 01"),
        (idx(np.zeros((4, 2))), "begins with 00 00 08 02"),
        (idx(np.zeros(4), kind=0x0D), "begins with 00 00 0d 01"),
        (idx(np.zeros(4))[:6], "begins with 00 00 08 01"),
        (idx(np.zeros(5)), "5 bytes, expected 4"),
        (idx(np.zeros(4))[:-1], "3 bytes after the header, expected 4"),
        (idx(np.zeros(4)) + b"x", "5 bytes after the header, expected 4"),
    ],
)
def test_malformed_idx_files(tmp_path, content, complaint):
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(DataError, match=complaint) as caught:
        read_idx(path, (4,))
    assert str(path) in str(caught.value)


def test_forged_sizes_take_no_memory(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(idx(np.zeros((0, 28, 28))).replace(b"\0\0\0\0", b"\xff\xff\xff\xff", 1))
    with pytest.raises(DataError, match="0 bytes after the header, expected 3367254359280"):
        read_idx(path, (None, 28, 28))


def test_missing_and_altered_files(mnist, tmp_path):
    mnist.prepare(tmp_path / "out")
    before = written(tmp_path / "out")
    for name in (f"{TEST_NAMES[1]}.gz", f"{NAMES[0]}.gz"):
        (mnist.folder / name).write_bytes(b"\x1f\x8b no gzip file")
        with pytest.raises(DataError, match=name.replace(".", r"\.")):
            mnist.prepare(tmp_path / "out", force=True)
    (mnist.folder / f"{NAMES[0]}.gz").unlink()
    with pytest.raises(DataError, match=rf"no file {NAMES[0]} or {NAMES[0]}\.gz there"):
        mnist.prepare(tmp_path / "out", force=True)
    for split, arrays in written(tmp_path / "out").items():
        assert all((a == b).all() for a, b in zip(arrays, before[split]))


def test_too_few_images_and_a_label_that_is_no_digit(mnist, tmp_path):
    long = mnist.splits[0]._replace(last=31)
    with pytest.raises(DataError, match="30 images, expected 31"):
        prepare.prepare(tmp_path / "out", mnist.folder, splits=[long])
    content = idx(np.arange(30))
    (mnist.folder / f"{NAMES[1]}.gz").write_bytes(gzip.compress(content))
    images, labels = mnist.splits[0].raw
    labels = dataclasses.replace(labels, sha256=hashlib.sha256(content).hexdigest())
    bad = mnist.splits[0]._replace(raw=(images, labels))
    with pytest.raises(DataError, match="label 19, expected a digit 0 to 9"):
        prepare.prepare(tmp_path / "out", mnist.folder, splits=[bad])


def test_run_sh_says_in_one_line_what_is_wrong(tmp_path, command_env):
    program = ROOT / "datasets" / "Multi_MNIST_DselectK" / "run.sh"
    for variables, options, complaint in (
        ({"RAW_DIR": "nowhere"}, [], "error: RAW_DIR nowhere: no file train-images-idx3-ubyte or "),
        (
            {"MULTI_MNIST_URL": "ftp://x"},
            ["--source", "paddlerec"],
            "error: MULTI_MNIST_URL=ftp://x: expected an http",
        ),
        ({"PYTHON": "/nowhere/python"}, [], "error: /nowhere/python: "),
    ):
        done = subprocess.run(
            ["sh", program, "--output_dir", tmp_path / "out", *options],
            env={**command_env, **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert done.stderr.startswith(complaint)
    assert not (tmp_path / "out").exists()


def test_mnist_is_downloaded_where_no_raw_folder_is(mnist, server, tmp_path, monkeypatch):
    for path in mnist.folder.iterdir():
        server.files[f"/mnist/{path.name}"] = path.read_bytes()
    monkeypatch.setenv("MNIST_URL", f"{server.url}/mnist/")
    monkeypatch.setattr(prepare, "HERE", tmp_path / "here")
    monkeypatch.setenv("MULTI_MNIST_URL", f"{server.url}/archive.tar.gz")  # of the other source
    for output in ("one", "two"):
        prepare.prepare(tmp_path / output, splits=mnist.splits)
    mnist.prepare(tmp_path / "three")
    assert len(server.requests) == 4
    for name in ("one", "three"):
        assert (written(tmp_path / name)["test"][0] == written(tmp_path / "two")["test"][0]).all()


def test_a_source_that_there_is_not(capsys):
    with pytest.raises(SystemExit):
        prepare.main(["--source", "elsewhere"])
    assert capsys.readouterr().err.startswith("error: argument --source: invalid choice")
    assert prepare.main(["--source", "paddlerec", "--raw_dir", "x"]) == 2
    assert capsys.readouterr().err == (
        "error: --source paddlerec: expected no raw folder (remove --raw_dir and RAW_DIR)\n"
    )


def test_run_sh_from_any_folder(mnist, tmp_path, command_env):
    """In a copy of the script, with this small MNIST in place of the real one."""
    folder = tmp_path / "copy" / "datasets" / "Multi_MNIST_DselectK"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "datasets" / "Multi_MNIST_DselectK" / "run.sh", folder)
    shutil.copytree(ROOT / "datasets" / "preparing", folder.parent / "preparing")
    driver = tmp_path / "driver.py"
    driver.write_text(
        f"import sys\nsys.path[:0] = [{str(ROOT)!r}]\n"
        "from datasets.Multi_MNIST_DselectK import prepare\n"
        "from datasets.Multi_MNIST_DselectK.splits import Split\n"
        "from datasets.preparing.fetch import RawFile\n"
        f"prepare.prepare.__defaults__ = (*prepare.prepare.__defaults__[:-1], {mnist.splits})\n"
        "sys.exit(prepare.main())\n"
    )
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\n[ $# = 2 ] && exec {sys.executable} "$@"\n'
        f'shift 4\nexec {sys.executable} {driver} "$@"\n'
    )
    python.chmod(0o755)
    done = subprocess.run(
        ["sh", os.path.relpath(folder / "run.sh", tmp_path), "--output_dir", "out"],
        env={**command_env, "PYTHON": str(python), "RAW_DIR": "raw"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "  valid_all/valid_images.npy: 20 rows\n" in done.stdout
    assert len(written(tmp_path / "out")["train"][0]) == 50


def test_real_files(tmp_path):
    """MNIST itself, where PADDLEMTL_MNIST_RAW says."""
    raw_dir = os.environ.get("PADDLEMTL_MNIST_RAW")
    if not raw_dir or not Path(raw_dir).is_dir():
        pytest.skip(f"no MNIST files: PADDLEMTL_MNIST_RAW={raw_dir or ''}")
    assert prepare.main(["--raw_dir", raw_dir, "--output_dir", str(tmp_path)]) == 0
    sizes = {"train": 100_000, "val": 20_000, "test": 20_000}
    for split, (images, labels) in written(tmp_path).items():
        assert (len(images), len(labels)) == (sizes[split], sizes[split])
        assert (labels[:, 0] != labels[:, 1]).all()
        half = sizes[split] // 2
        assert (labels[:half, 0] == labels[half:, 0]).all()
        assert np.bincount(labels.ravel()) / sizes[split] == pytest.approx([0.2] * 10, abs=0.04)
        # The digits begin within the places' range, and nothing is drawn beyond.
        assert not images[:, 0].any()
        assert not images[:, :, 0].any()
        assert images.max() == 255
    # MNIST's first training and test labels, which everybody knows.
    assert written(tmp_path)["train"][1][:6, 0].tolist() == [5, 0, 4, 1, 9, 2]
    assert written(tmp_path)["test"][1][:6, 0].tolist() == [7, 2, 1, 0, 4, 1]
