"""What killed processes leave is removed; what living ones write is not."""

import os
import subprocess
import sys

import pytest

from engine.model_folder import loading
from engine.system import atomic_files, folder_lock, temporary

WRITER = """
import os, sys
sys.path.insert(0, {tools!r})
from engine.system import temporary
new_file, new_folder, place = temporary.new_file, temporary.new_folder, {folder!r}
with new_file(place, "a.csv") as file, new_folder(place, "b") as inner:
    open(file, "w").write("half")
    open(os.path.join(inner, "part"), "w").write("half")
    print(os.path.basename(file), os.path.basename(inner), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(tmp_path):
    """A process that is writing a file and a folder; the names of both."""
    code = WRITER.format(tools=os.path.join(loading.REPOSITORY, "tools"), folder=str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process, process.stdout.readline().split()
    process.kill()
    process.communicate()


def lock(folder):
    with folder_lock.locked(str(folder)):
        pass


NEXT = {
    "a training": lock,
    "a file": lambda folder: atomic_files.write_text(str(folder / "c.txt"), "c"),
    "an export": lambda folder: temporary.new_folder(str(folder), "d").__enter__() and None,
}


@pytest.mark.parametrize("follower", NEXT)
def test_the_next_run_removes_what_a_killed_one_left(tmp_path, writer, follower):
    process, names = writer
    mine = [".writing", ".writing.a.txt", "writing.0123456789ab.txt", ".0123456789ab.txt"]
    for name in mine:
        (tmp_path / name).write_text("mine")
    (tmp_path / ".writing.0123456789ab.link").symlink_to(tmp_path / ".writing")
    temporary.sweep(str(tmp_path))
    assert set(names) < set(os.listdir(tmp_path))  # the process lives
    assert (tmp_path / names[1] / "part").read_text() == "half"
    process.kill()
    process.wait()
    NEXT[follower](tmp_path)
    left = set(os.listdir(tmp_path))
    assert not left & set(names)
    assert {*mine, ".writing.0123456789ab.link"} <= left
    assert (tmp_path / ".writing").read_text() == "mine"


def test_nothing_stays_after_the_block(tmp_path):
    with temporary.new_file(str(tmp_path), "x" * 250 + ".csv") as file:
        assert file.endswith("x.csv")
        os.replace(file, tmp_path / "a")
    with temporary.new_folder(str(tmp_path), "数" * 80) as folder:
        (tmp_path / folder / "part").write_text("1")
    assert os.listdir(tmp_path) == ["a"]


def test_a_name_of_250_characters_is_written(tmp_path):
    path = tmp_path / ("n" * 246 + ".txt")
    atomic_files.write_text(str(path), "text")
    assert path.read_text() == "text"
    assert os.listdir(tmp_path) == [path.name]
