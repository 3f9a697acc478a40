from __future__ import annotations

import hashlib
import io
import os
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from mnist_files import MnistFiles, written

from datasets.Multi_MNIST_DselectK import archive, prepare
from datasets.preparing.command import DataError


@pytest.fixture
def splits(tmp_path, monkeypatch):
    """Small splits, downloads that go elsewhere, and no address of the person who tests."""
    monkeypatch.setattr(prepare, "HERE", tmp_path / "here")
    for variable in (archive.VARIABLE, archive.SHA256):
        monkeypatch.delenv(variable, raising=False)
    return MnistFiles(tmp_path / "mnist").splits


def pairs(rows: int):
    random = np.random.RandomState(rows)
    images = random.randint(0, 256, (rows, 36, 36)).astype(np.uint8)
    return images, random.randint(0, 10, (rows, 2)).astype(np.int32)


def members(splits, name="data/multi_mnist_{}.pickle", protocol=2) -> dict[str, bytes]:
    return {name.format(split.name): pickle.dumps(pairs(split.rows), protocol) for split in splits}


def tar(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as opened:
        folder = tarfile.TarInfo("data")
        folder.type = tarfile.DIRTYPE
        opened.addfile(folder)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return stream.getvalue()


@pytest.fixture
def serve(server, monkeypatch):
    def serve_archive(content: bytes, name: str = "pairs.tar.gz") -> None:
        server.files[f"/{name}"] = content
        monkeypatch.setenv(archive.VARIABLE, f"{server.url}/{name}")

    return serve_archive


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("data/multi_mnist_{}.pickle", tar),
        ("./{}/part-0", lambda files: tar({**files, "./.DS_Store": b"", "README": b""}, "w:")),
        ("{}idation.pkl", lambda files: tar(files, "w:xz")),
        ("Set/{}.p", lambda files: zipped({**files, "__MACOSX/Set/._train.p": b"", "Set/": b""})),
    ],
)
def test_archives_of_any_kind(splits, server, serve, tmp_path, name, pack, capsys):
    content = pack(members(splits, name))
    serve(content)
    prepare.prepare(tmp_path / "out", source="paddlerec", splits=splits)
    for split in splits:
        for found, expected in zip(written(tmp_path / "out")[split.name], pairs(split.rows)):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)
    shown = capsys.readouterr()
    assert f"sha256 is {hashlib.sha256(content).hexdigest()}" in shown.err
    prepare.prepare(tmp_path / "out", source="paddlerec", splits=splits)
    prepare.prepare(
        tmp_path / "out", source="paddlerec", splits=splits, force=True
    )  # of the kept archive
    assert len(server.requests) == 1
    assert "already prepared" in capsys.readouterr().out


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize(
    ("alter", "complaint"),
    [
        (
            lambda files, trace: {"train": b"", "test": b""},
            "one file each of train, val, test; its",
        ),
        (lambda files, trace: {**files, "b/test.pickle": b""}, "its files: data/multi_mnist_train"),
        (lambda files, trace: {}, "its files: none"),
        (
            lambda files, trace: {**files, "data/multi_mnist_val.pickle": pickle.dumps(pairs(19))},
            "multi_mnist_val.pickle: 19 rows, expected 20",
        ),
        (
            lambda files, trace: {**files, "data/multi_mnist_val.pickle": b"\x80\x02"},
            "multi_mnist_val.pickle: expected a pickle of only NumPy arrays",
        ),
        (
            lambda files, trace: {
                **files,
                "data/multi_mnist_val.pickle": pickle.dumps((*pairs(20), Attack(trace))),
            },
            "it names posix.system",
        ),
    ],
)
@pytest.mark.parametrize("pack", [tar, zipped])
def test_bad_archives_go_and_earlier_files_stay(splits, serve, tmp_path, alter, complaint, pack):
    output, raw = tmp_path / "out", tmp_path / "here" / "raw"
    serve(tar(members(splits)))
    prepare.prepare(output, source="paddlerec", splits=splits)
    good = set(raw.iterdir())
    serve(pack(alter(members(splits), tmp_path / "trace")), "other")
    with pytest.raises(DataError, match=complaint):
        prepare.prepare(output, source="paddlerec", splits=splits)
    assert set(raw.iterdir()) == good
    assert len(written(output)["val"][0]) == 20
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("pack", [tar, zipped])
def test_damaged_archives(splits, serve, tmp_path, pack):
    content = pack(members(splits))
    for number, damaged in enumerate((content[:-400], content[: len(content) // 2], b"<html>")):
        serve(damaged, str(number))
        with pytest.raises(DataError, match="damaged, or no archive"):
            prepare.prepare(tmp_path / "out", source="paddlerec", splits=splits)


def test_archive_that_is_gone_names_the_other_source(splits, server, serve, tmp_path):
    serve(b"")
    server.files.clear()
    with pytest.raises(DataError, match=r"HTTP 404; --source mnist makes the same kind of data"):
        prepare.prepare(tmp_path / "out", source="paddlerec", splits=splits)
    assert not (tmp_path / "out").exists()


def test_hash_of_the_person_who_has_one(splits, serve, tmp_path, monkeypatch):
    content = tar(members(splits))
    serve(content)
    monkeypatch.setenv(archive.SHA256, "00")
    with pytest.raises(DataError, match=r"expected 00 \(MULTI_MNIST_SHA256\)"):
        prepare.prepare(tmp_path / "out", source="paddlerec", splits=splits)
    monkeypatch.setenv(archive.SHA256, hashlib.sha256(content).hexdigest().upper())
    prepare.prepare(tmp_path / "out", source="paddlerec", splits=splits)
    assert len(written(tmp_path / "out")["train"][0]) == 50
