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
