"""The files of a data folder."""

import os
import subprocess

import pytest

from engine.model_folder import loading
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
    found = loading.files_in(str(data))
    assert found == sorted(listed)
    assert len(found) == 6


def test_a_link_to_the_data_folder_itself(data, tmp_path):
    (tmp_path / "link").symlink_to(data)
    files = loading.files_in(str(tmp_path / "link"))
    assert [os.path.realpath(path) for path in files] == [
        os.path.realpath(path) for path in loading.files_in(str(data))
    ]


@pytest.mark.parametrize("target", [".", "b", "..", "../outside"])
def test_a_link_that_leads_back_is_an_error(data, tmp_path, target):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "back").symlink_to(data)
    (data / "b" / "loop").symlink_to(data / target)
    with pytest.raises(UserError, match=rf"^{data}/b/loop.*: a link leads back to {tmp_path}/"):
        loading.files_in(str(data))


def test_a_sub_folder_that_cannot_be_read_is_an_error(data, monkeypatch):
    listdir = os.listdir

    def refuse(folder):
        if folder == f"{data}/b":
            raise PermissionError(13, "Permission denied", folder)
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(UserError, match=f"^cannot read folder {data}/b: Permission denied$"):
        loading.files_in(str(data))


def test_a_folder_without_files(tmp_path):
    (tmp_path / "empty" / "sub").mkdir(parents=True)
    with pytest.raises(UserError, match=r"empty holds no files$"):
        loading.files_in(str(tmp_path / "empty"))
    with pytest.raises(UserError, match=r"^there is no folder "):
        loading.files_in(str(tmp_path / "absent"))
