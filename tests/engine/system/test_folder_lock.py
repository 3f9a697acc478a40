"""One run per output folder; the lock of a killed run disappears."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from engine.model_folder import loading
from engine.system import folder_lock
from engine.system.errors import UserError

HOLDER = """
import sys
sys.path.insert(0, {tools!r})
from engine.system import folder_lock
with folder_lock.locked({root!r}):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(tmp_path):
    """Starts a process that holds a folder's lock until its input ends."""
    started = []

    def start(root):
        code = HOLDER.format(tools=os.path.join(loading.REPOSITORY, "tools"), root=str(root))
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_error_of_a_second_run_names_the_first(tmp_path, hold):
    process = hold(tmp_path / "out")
    found = rf"out is in use by -c, process {process.pid} on \S+, since \d{{4}}-.*; wait for it, or"
    with pytest.raises(UserError, match=found), folder_lock.locked(str(tmp_path / "out")):
        pass
    with folder_lock.locked(str(tmp_path / "another")):
        pass


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, None])
def test_the_lock_ends_with_its_process(tmp_path, hold, number):
    process = hold(tmp_path)
    if number:
        process.send_signal(number)
    process.communicate()
    assert bool(number) == (tmp_path / folder_lock.NAME).exists()  # it locks nothing
    with folder_lock.locked(str(tmp_path)):
        pass
    assert not os.listdir(tmp_path)


def test_folders_that_a_failed_run_created_are_removed(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(KeyError), folder_lock.locked(str(tmp_path / "there" / "a" / "b")):
        raise KeyError
    assert os.listdir(tmp_path / "there") == []
    with folder_lock.locked(str(tmp_path / "there" / "a" / "b")):
        (tmp_path / "there" / "a" / "kept").mkdir()
    assert os.listdir(tmp_path / "there" / "a") == ["kept"]


def test_a_lock_file_that_was_removed_in_the_meantime_is_created_again(tmp_path, monkeypatch):
    """The run that held the lock ends between our `open` and our `flock`."""
    root, flock, calls = str(tmp_path), folder_lock.fcntl.flock, []

    def late(descriptor, operation):
        if not calls:
            os.remove(tmp_path / folder_lock.NAME)
        calls.append(descriptor)
        flock(descriptor, operation)

    monkeypatch.setattr(folder_lock.fcntl, "flock", late)
    with folder_lock.locked(root):
        assert len(calls) == 2
        with pytest.raises(UserError, match="is in use"), folder_lock.locked(root):
            pass


def test_a_file_system_without_locks_is_a_warning(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(folder_lock.fcntl, "flock", refuse)
    with folder_lock.locked(str(tmp_path / "out")):
        pass
    assert "this file system has no locks (No locks available)" in caplog.text


def test_a_lock_that_cannot_be_opened(tmp_path):
    (tmp_path / folder_lock.NAME).mkdir()
    problem = r"cannot save to .*\.lock: Is a directory"
    with pytest.raises(UserError, match=problem), folder_lock.locked(str(tmp_path)):
        pass


@pytest.mark.parametrize("kind", ["link", "link to nothing", "hard link", "FIFO", "text"])
def test_another_file_is_neither_written_nor_removed(tmp_path, kind):
    """It once was: a run emptied the file that a link `.lock` led to."""
    other, lock = tmp_path / "other", tmp_path / "out" / folder_lock.NAME
    lock.parent.mkdir()
    content = b"mine" if kind != "hard link" else b'{"process": 1}'
    if "nothing" not in kind:
        other.write_bytes(content)
    if kind.startswith("link"):
        lock.symlink_to(other)
    elif kind == "hard link":
        os.link(other, lock)
    elif kind == "FIFO":
        os.mkfifo(lock)
    else:
        lock.write_bytes(content)
    problem = (
        "it is a symbolic link; remove it" if "link" in kind[:5] else "expected the lock of a run"
    )
    found = rf"^cannot save to {lock.parent}: {lock}: {problem}"
    with pytest.raises(UserError, match=found), folder_lock.locked(str(lock.parent)):
        pass
    assert os.listdir(lock.parent) == [folder_lock.NAME]
    assert other.exists() == ("nothing" not in kind)
    assert not other.exists() or other.read_bytes() == content


def test_the_lock_of_a_killed_run_is_taken_over(tmp_path, hold):
    process = hold(tmp_path)
    process.kill()
    process.communicate()
    left = (tmp_path / folder_lock.NAME).read_text()
    assert left.startswith(f'{{"process": {process.pid}, ')
    with folder_lock.locked(str(tmp_path)):
        text = (tmp_path / folder_lock.NAME).read_text()
    assert text.startswith(f'{{"process": {os.getpid()}, ')
    assert text.endswith("}")
