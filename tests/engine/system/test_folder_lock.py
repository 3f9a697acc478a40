"""One run an output folder; a crash gives it back."""

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


def test_a_second_run_is_told_who_is_there(tmp_path, hold):
    process = hold(tmp_path / "out")
    found = rf"out is in use: -c, process {process.pid} on \S+, trains there since \d{{4}}-"
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
    assert bool(number) == (tmp_path / folder_lock.NAME).exists()  # left behind, it locks nothing
    with folder_lock.locked(str(tmp_path)):
        pass
    assert not os.listdir(tmp_path)


def test_folders_that_a_failed_run_made_are_gone(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(KeyError), folder_lock.locked(str(tmp_path / "there" / "a" / "b")):
        raise KeyError
    assert os.listdir(tmp_path / "there") == []
    with folder_lock.locked(str(tmp_path / "there" / "a" / "b")):
        (tmp_path / "there" / "a" / "kept").mkdir()
    assert os.listdir(tmp_path / "there" / "a") == ["kept"]


def test_a_lock_whose_file_went_meanwhile_is_taken_anew(tmp_path, monkeypatch):
    """Its holder ends, and removes it, between our opening and our locking it."""
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
    assert "no locks on this file system (No locks available)" in caplog.text


def test_a_lock_that_cannot_be_opened(tmp_path):
    (tmp_path / folder_lock.NAME).mkdir()
    problem = r"cannot save to .*\.lock: Is a directory"
    with pytest.raises(UserError, match=problem), folder_lock.locked(str(tmp_path)):
        pass
