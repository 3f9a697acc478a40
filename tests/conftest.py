"""What all tests share: the model folders, configurations and commands that write elsewhere."""

import logging
import os
import runpy
import shutil
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.config.load import load_config
from engine.model_folder import loading
from engine.system import interrupts, process

process.prepare()
# A shell's background jobs ignore Ctrl-C, and so would the commands that tests start from there.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = sorted(path.parent.name for path in ROOT.glob("models/multitask/*/net.py"))


def pytest_make_parametrize_id(val, argname):
    """Names compressed bytes by their argument: they hold the time at which they were made.

    The processes that run the tests side by side must give every test the same name.
    """
    return argname if isinstance(val, bytes) and val.startswith(b"\x1f\x8b") else None


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory):
    """Parsed copies go to a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _dygraph():
    """Every test starts in dygraph, whatever the one before it in its process left behind."""
    if "paddle" in sys.modules:
        sys.modules["paddle"].disable_static()


@pytest.fixture(params=FOLDERS)
def folder(request):
    """Each model folder in turn: a new one is tested the day it appears."""
    return ROOT / "models" / "multitask" / request.param


@pytest.fixture
def configure(tmp_path):
    """Returns configurations of a folder that save under the test's own folder."""

    def make(folder, *overrides, yaml="config.yaml"):
        output = f"runner.model_save_path={tmp_path / 'output'}"
        load = f"runner.infer_load_path={tmp_path / 'output'}"
        path = str(ROOT / "models" / "multitask" / folder / yaml)
        return load_config(path, [output, load, *overrides], loading.hyper_parameters)

    return make


@pytest.fixture(scope="session")
def copy_checkout():
    """Copies what the commands need, so that they may write beside the YAML as usual."""

    def copy(folder):
        keep = shutil.ignore_patterns("__pycache__", "output_model*", "*_all", "raw", ".*")
        for name in ("tools", "models", "datasets"):
            shutil.copytree(ROOT / name, folder / name, ignore=keep)
        return folder

    return copy


@pytest.fixture
def checkout(tmp_path, copy_checkout):
    """A copy of what the commands need."""
    return copy_checkout(tmp_path)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """The current directory: neither the repository's nor the model's."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


class Done(NamedTuple):
    """What a command ended with."""

    code: int
    stdout: str
    stderr: str

    @property
    def log(self):
        """All lines, in the order of their times."""
        records = []
        for place, text in enumerate((self.stderr, self.stdout)):  # results come last in a moment
            time = ""
            for line in text.splitlines(keepends=True):
                time = line[:23] if line[23:26] == " - " else time
                time = "~" if line.startswith("error: ") else time  # the last line
                records.append((time, place, line))
        return "".join(line for *_, line in sorted(records, key=lambda each: each[:2]))


@pytest.fixture
def run_command(elsewhere, monkeypatch, capfd):
    """Runs a command's file as ``__main__`` in this process."""
    log = logging.getLogger()
    handlers, level = log.handlers[:], log.level

    def run(name, *arguments):
        path = str(ROOT / "tools" / f"{name}.py")
        monkeypatch.setattr(sys, "argv", [path, *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(path, run_name="__main__")
        return Done(caught.value.code, *capfd.readouterr())

    yield run
    log.handlers[:] = handlers
    log.setLevel(level)


@pytest.fixture
def signal_at(monkeypatch):
    """Returns a context in which a signal comes where the engine looks for the n-th time."""

    @contextmanager
    def coming(number):
        count = 0

        def check():
            nonlocal count
            count += 1
            if count == number:
                raise interrupts.Interrupted(signal.SIGTERM)

        with monkeypatch.context() as patched:
            patched.setattr(interrupts, "check", check)
            yield

    return coming


@pytest.fixture
def written(tmp_path):
    """Lists all there is but byte code."""

    def find():
        found = set()
        for place, folders, files in os.walk(tmp_path):
            folders[:] = [name for name in folders if name != "__pycache__"]
            found.update(os.path.join(place, name) for name in folders + files)
        return found

    return find
