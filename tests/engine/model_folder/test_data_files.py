"""The files of a data folder."""

import os
import socket
import subprocess

import pytest

from engine.model_folder.data_files import files_of
from engine.system.errors import UserError


@pytest.fixture
def data(tmp_path):
    """A data folder with sub-folders, links to folders and to files, and hidden entries."""
    data, other = tmp_path / "data", tmp_path / "other"
    for path in ("b/2.txt", "b/1.txt", "a.txt", ".hidden/3.txt", "b/.cache.npy"):
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        (data / path).write_text("")
    for path in ("deep/x.txt", ".y.txt"):
        (other / path).parent.mkdir(parents=True, exist_ok=True)
        (other / path).write_text("")
    (data / "linked").symlink_to("../other")
    (data / "b" / "twice").symlink_to(other / "deep")
    (data / "file.txt").symlink_to(other / "deep" / "x.txt")
    return data


def test_files_of_sub_folders_and_links(data):
    find = ["find", "-L", str(data), "-type", "f", "-not", "-path", "*/.*"]
    listed = subprocess.run(find, capture_output=True, text=True, check=True).stdout.split()
    found = files_of([str(data)])
    assert found == sorted(listed)
    assert len(found) == 6


def test_a_link_to_the_data_folder_itself(data, tmp_path):
    (tmp_path / "link").symlink_to(data)
    files = files_of([str(tmp_path / "link")])
    assert [os.path.realpath(path) for path in files] == [
        os.path.realpath(path) for path in files_of([str(data)])
    ]


@pytest.mark.parametrize("target", [".", "b", "..", "../outside"])
def test_a_link_that_leads_back_is_an_error(data, tmp_path, target):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "back").symlink_to(data)
    (data / "b" / "loop").symlink_to(data / target)
    with pytest.raises(UserError, match=rf"^{data}/b/loop.*: a link leads back to {tmp_path}/"):
        files_of([str(data)])


def test_a_sub_folder_that_cannot_be_read_is_an_error(data, monkeypatch):
    listdir = os.listdir

    def refuse(folder):
        if folder == f"{data}/b":
            raise PermissionError(13, "Permission denied", folder)
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(UserError, match=f"^cannot read folder {data}/b: Permission denied$"):
        files_of([str(data)])


def test_a_folder_without_files(tmp_path):
    (tmp_path / "empty" / "sub").mkdir(parents=True)
    with pytest.raises(UserError, match=r"empty holds no files$"):
        files_of([str(tmp_path / "empty")])
    with pytest.raises(UserError, match=r"^there is no folder or file "):
        files_of([str(tmp_path / "absent")])


def test_folders_and_files_in_the_order_of_the_list(data, tmp_path):
    (tmp_path / "b.txt").write_text("")
    (tmp_path / "a").symlink_to(tmp_path / "b.txt")
    assert files_of([str(tmp_path / "b.txt"), str(data / "b"), str(data / "a.txt")]) == [
        str(tmp_path / "b.txt"),
        *(str(data / "b" / name) for name in ("1.txt", "2.txt", "twice/x.txt")),
        str(data / "a.txt"),
    ]
    assert files_of([str(tmp_path / "a")]) == [str(tmp_path / "a")]


@pytest.mark.parametrize("again", ["b", "b/1.txt", "../link", "./b/../b/2.txt"])
def test_a_file_that_would_be_read_twice_is_an_error(data, tmp_path, again):
    (tmp_path / "link").symlink_to(data / "b")
    with pytest.raises(UserError, match=rf"^{data}/b/[12].txt would be read twice: for {data} and"):
        files_of([str(data), str(data / again)])


@pytest.mark.parametrize("kind", ["a FIFO", "a socket", "a device", "a link to nothing"])
def test_what_is_no_file_is_an_error(data, kind, monkeypatch):
    path = data / "b" / "0"
    if kind == "a FIFO":
        os.mkfifo(path)
    elif kind == "a socket":
        monkeypatch.chdir(data / "b")  # the path of a socket has at most 108 bytes
        socket.socket(socket.AF_UNIX).bind("0")
    else:
        path.symlink_to("/dev/null" if kind == "a device" else "nothing")
    for paths in ([str(data)], [str(path)]):
        with pytest.raises(UserError, match=f"^{path}: expected a data file, found {kind}$"):
            files_of(paths)
