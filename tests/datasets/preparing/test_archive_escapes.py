"""Archives of strangers: whatever their members are called, or link to, stays in its folder.

No archive is unpacked: a wanted member's bytes are copied to a name of ours, or read in memory.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from datasets.Multi_MNIST_DselectK.archive import read_archive
from datasets.preparing.command import DataError
from datasets.preparing.fetch import RawFile, obtain

NAME, CONTENT = "table.data", b"1,2,3\n"
RAW = RawFile(NAME, hashlib.sha256(CONTENT).hexdigest(), (), "TABLE_URL")
LINKS = (tarfile.SYMTYPE, tarfile.LNKTYPE)


@pytest.fixture
def outside(tmp_path):
    """What archives try to reach: a folder beside theirs, with a file in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(CONTENT)
    return folder


@pytest.fixture
def inside(tmp_path):
    """The folder that archives belong in, some way down."""
    folder = tmp_path / "a" / "b" / "raw"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def untouched(tmp_path, outside, inside):
    """Says whether all but the archives' own folder is as it was."""

    def contents():
        files = [path for path in tmp_path.rglob("*") if inside not in path.parents]
        return {path: path.read_bytes() if path.is_file() else None for path in files}

    before = contents()
    return lambda: contents() == before


def tar(*members):
    """A tar file of members: name, content; or name, kind and what it links to."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as file:
        for name, *what in members:
            info = tarfile.TarInfo(str(name))
            if isinstance(what[0], bytes) and len(what) == 1:
                info.size = len(what[0])
                file.addfile(info, io.BytesIO(what[0]))
            else:
                info.type, info.linkname = what[0], str(what[1])
                file.addfile(info)
    return stream.getvalue()


def zipped(*members):
    """A zip file of members: name, content; a link is a file with its target and a mode."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, *what in members:
            info = zipfile.ZipInfo(str(name))
            if len(what) == 2:
                info.external_attr = 0o120777 << 16
            file.writestr(info, what[0] if len(what) == 1 else str(what[1]))
    return stream.getvalue()


# Downloads


@pytest.fixture
def fetched(server, inside, monkeypatch):
    """Fetches the table out of an archive."""

    def fetch(content):
        server.files["/set.tar.gz"] = content
        monkeypatch.setenv("TABLE_URL", f"{server.url}/set.tar.gz")
        return obtain(RAW, inside)

    return fetch


@pytest.mark.parametrize("name", ["../{}", "../../../outside/{}", "{out}/{}", "x/../../{}", "//{}"])
def test_a_path_out_of_the_folder_stays_in_it(fetched, inside, outside, untouched, name):
    member = name.format(NAME, out=outside)
    assert fetched(tar((member, CONTENT))) == inside / NAME
    assert (inside / NAME).read_bytes() == CONTENT
    assert sorted(os.listdir(inside)) == [".lock", "set.tar.gz", NAME]
    assert untouched()


@pytest.mark.parametrize("kind", LINKS)
@pytest.mark.parametrize("target", ["{out}/secret", "../../../outside/secret"])
def test_a_link_is_not_followed(fetched, inside, outside, untouched, kind, target):
    """Though what it links to is just what is wanted."""
    with pytest.raises(DataError, match=f"no member {NAME} in the archive"):
        fetched(tar((NAME, kind, target.format(out=outside))))
    assert os.listdir(inside) == [".lock"]
    assert untouched()


def test_a_folder_that_is_a_link_is_no_way_out(fetched, inside, outside, untouched):
    content = tar(("data", tarfile.SYMTYPE, outside), (f"data/{NAME}", CONTENT))
    assert fetched(content) == inside / NAME
    assert untouched()


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_device_is_no_file(fetched, inside, untouched, kind):
    with pytest.raises(DataError, match="no member"):
        fetched(tar((NAME, kind, "")))
    assert os.listdir(inside) == [".lock"]
    assert untouched()


def test_other_members_are_not_written(fetched, inside, untouched):
    fetched(tar(("../.bashrc", b"x"), ("/etc/cron.d/x", b"x"), (NAME, CONTENT), ("y", b"y")))
    assert sorted(os.listdir(inside)) == [".lock", "set.tar.gz", NAME]
    assert untouched()


# Multi-MNIST: an archive of pickles


def pairs(rows=2):
    return pickle.dumps((np.zeros((rows, 36, 36), np.uint8), np.zeros((rows, 2), np.int64)), 2)


@pytest.fixture
def read(inside):
    def read_content(content):
        path = inside / "pairs"
        path.write_bytes(content)
        return list(read_archive(path, {"train": 2, "test": 2}))

    return read_content


@pytest.mark.parametrize("pack", [tar, zipped])
@pytest.mark.parametrize("folder", ["..", "../../../outside", "{out}", "x/../../.."])
def test_pickles_of_any_path_are_read_in_memory(read, inside, outside, untouched, pack, folder):
    folder = folder.format(out=outside)
    found = read(pack((f"{folder}/train.p", pairs()), (f"{folder}/test.p", pairs())))
    assert [len(images) for images, _ in found] == [2, 2]
    assert os.listdir(inside) == ["pairs"]
    assert untouched()


@pytest.mark.parametrize("pack", [tar, zipped])
@pytest.mark.parametrize("kind", LINKS)
def test_a_link_is_no_pickle(read, inside, outside, untouched, pack, kind):
    (outside / "train.p").write_bytes(pairs())
    expected = "expected one file each" if pack is tar else "expected a pickle of only NumPy"
    with pytest.raises(DataError, match=expected):
        read(pack(("train.p", kind, outside / "train.p"), ("test.p", pairs())))
    assert os.listdir(inside) == []
    (outside / "train.p").unlink()
    assert untouched()


@pytest.mark.parametrize("target", ["/etc/hostname", "nowhere", "test.p"])
def test_a_link_of_a_files_name_does_not_stand_for_it(read, untouched, target):
    found = read(tar(("train.p", pairs()), ("test.p", pairs()), ("train.p", LINKS[0], target)))
    assert [len(images) for images, _ in found] == [2, 2]
    assert untouched()


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("pack", [tar, zipped])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_inside_is_not_run(read, tmp_path, inside, untouched, pack, protocol):
    attack = pickle.dumps(Attack(tmp_path / "outside" / "trace"), protocol)
    with pytest.raises(DataError, match=r"expected a pickle of only NumPy arrays \(it names "):
        read(pack(("train.p", attack), ("test.p", pairs())))
    assert os.listdir(inside) == []
    assert untouched()
    pickle.loads(attack)  # where nothing stops it, it does run
    assert not untouched()
