"""A model folder's code gets the folder's modules, and all other code gets Python's."""

import importlib
import queue
import subprocess
import sys
import types

import pytest

from engine.model_folder import importing, loading
from engine.system.errors import UserError


@pytest.fixture
def folder(tmp_path):
    """Writes a model folder; the names of its files are given with their text."""

    def write(name, **files):
        for file, text in files.items():
            path = tmp_path / name / f"{file.replace('__in__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return str(tmp_path / name)

    return write


def test_a_reader_with_the_name_of_a_loaded_module(folder):
    """Of the standard library, built into Python, installed, and of the commands of tools/."""
    names = ("queue", "types", "time", "yaml", "pytest", "trainer", "engine")
    model = folder("model", **{name: f"class RecDataset: name = {name!r}\n" for name in names})
    for name in names:
        module = importing.import_module(model, name)
        assert module.RecDataset.name == name
        assert module.__file__ == f"{model}/{name}.py"
    assert sys.modules["queue"] is queue
    assert importlib.import_module("types") is types


def test_what_a_reader_imports_from_its_folder(folder):
    """Plainly, by name, later inside a function, and from sub-folders with and without a file."""
    model = folder(
        "model",
        reader="import queue, json\nimport email.rows\nfrom types import WIDTH\n"
        "from email import rows as same\nfrom html.rows import ROWS\nimport email.rows as third\n"
        "def later():\n    import statistics\n    return statistics.MEAN\n"
        "import importlib\nfrom importlib import import_module\n"
        "FOURTH, FIFTH = importlib.import_module('queue'), import_module('email.rows')\n"
        "FRAME = import_module('json')\n",
        queue="import threading\nfrom concurrent.futures import ThreadPoolExecutor\nSIZE = 3\n",
        types="from dataclasses import dataclass\n@dataclass\nclass Row:\n    x: int\nWIDTH = 7\n",
        email__in____init__="",
        email__in__rows="from . import more\nfrom .more import MORE\n",
        email__in__more="MORE = 1\n",
        html__in__rows="ROWS = 11\n",
        statistics="MEAN = 0.5\n",
    )
    reader = importing.import_module(model, "reader")
    assert reader.queue.SIZE == 3
    assert reader.WIDTH == 7
    assert reader.email.rows is reader.same is reader.third
    assert reader.same.MORE == 1
    assert reader.ROWS == 11
    assert reader.later() == 0.5
    assert reader.json is reader.FRAME is importlib.import_module("json")
    assert reader.FOURTH is reader.queue
    assert reader.FIFTH is reader.same
    assert importlib.import_module("queue") is queue
    import email.message
    import statistics

    assert email.message.Message
    assert statistics.mean([1, 3]) == 2
    assert queue.Queue


def test_other_code_imports_the_standard_library_for_the_first_time(folder):
    """In another process: here pytest has imported most of it."""
    model = folder("model", sched="RUNS = 1\n", wave="WIDE = 2\n", reader="import sched, wave\n")
    code = (
        "import sys\n"
        f"sys.path.insert(0, {loading.REPOSITORY!r} + '/tools')\n"
        "from engine.model_folder import importing\n"
        "assert not {'sched', 'wave'} & set(sys.modules)\n"
        f"reader = importing.import_module({model!r}, 'reader')\n"
        "import sched, wave\n"
        "print(reader.sched.RUNS, reader.wave.WIDE, sched.scheduler.__name__, wave.open.__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1 2 scheduler open\n"


def test_another_folder_has_other_modules(folder):
    """The second has no ``queue``, so that it gets Python's, and the first one's come anew."""
    reader = "import queue\nimport net\n"
    one = folder("one", reader=reader, queue="NAME = 'one'\n", net="NAME = 'one'\n")
    two = folder("two", reader=reader, net="NAME = 'two'\n")
    first = importing.import_module(one, "reader")
    assert (first.queue.NAME, first.net.NAME) == ("one", "one")
    second = importing.import_module(two, "reader")
    assert second.queue is queue
    assert second.net.NAME == "two"
    assert not any(name.startswith("model_folder_files.") for name in sys.modules)
    again = importing.import_module(one, "reader")
    assert (again.queue.NAME, again.net.NAME) == ("one", "one")


def test_errors_name_the_line_of_the_folder(folder):
    model = folder(
        "model",
        first="import reader_base\nimport queue\n",
        reader_base="import types\n",
        types="\nimport no_such_module\n",
        second="from types import Row\n",
        third="from queue import none\n",
        fourth="import queue.none\n",
        queue="",
    )
    for name, problem in (
        ("first", f"{model}/types.py:2 needs module no_such_module, not found"),
        ("second", f"{model}/types.py:2 needs module no_such_module, not found"),
        ("fourth", f"{model}/fourth.py:1 needs module queue.none, not found"),
    ):
        with pytest.raises(UserError) as caught:
            importing.import_module(model, name)
        assert str(caught.value) == problem
    with pytest.raises(UserError, match=rf"^{model}/third.py:1: cannot import name 'none' from "):
        importing.import_module(model, "third")


def test_own_models_are_imported_by_their_names(configure):
    """No name of a folder of this project is used elsewhere."""
    loading.dygraph_model(configure("mmoe"))
    assert not any(name.startswith("model_folder_files.") for name in sys.modules)
