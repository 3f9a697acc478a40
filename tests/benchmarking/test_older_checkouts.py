"""--against an older checkout: the worker finds the former names of the engine's modules."""

import json
import os
import subprocess
import sys

import pytest

from benchmarking import engine_names, worker
from benchmarking.programs import program
from benchmarking.tools_folder import ToolsFolder
from engine.system.errors import UserError

# A stand-in for the tools of the first release: as little as the worker needs.
FILES = {
    "engine/__init__.py": "",
    "engine/runtime.py": "def prepare():\n    print('prepared')\n",
    "engine/report.py": "class Report:\n    def line(self):\n        pass\n",
    "engine/sessions.py": """
import time

class Executor:
    def run(self):
        time.sleep(0.002)

class Session:
    def __init__(self):
        self._executor = Executor()

    def batches(self, source, epoch):
        for number in source:
            yield number, 4

def open_session():
    return Session()
""",
    "trainer.py": """
from engine import report, sessions

session = sessions.open_session()
for batch, rows in session.batches(list(range(40)), 0):
    session._executor.run()
    report.Report().line()
""",
}


@pytest.fixture
def tools(tmp_path):
    """The tools folder of an older checkout."""
    for name, text in FILES.items():
        path = tmp_path / "tools" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "tools"


def test_the_worker_measures_a_run_and_its_phases(tools, tmp_path):
    result = tmp_path / "result.json"
    task = {"tools": str(tools), "command": "trainer", "arguments": [], "limit": 20}
    task.update(phases=True, result=str(result))
    (tmp_path / "task.json").write_text(json.dumps(task), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, os.path.abspath(worker.__file__), tmp_path / "task.json"],
        env={**os.environ, "BENCHMARK_STARTED": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "prepared" in done.stdout
    measured = json.loads(result.read_text(encoding="utf-8"))
    assert (measured["rows"], measured["steady_batches"]) == (4 * 30, 20)  # 10 warm up
    phases = measured["phases"]
    assert {"read", "forward", "log", "other"} <= set(phases)
    assert 20 * 0.002 <= phases["forward"] <= measured["steady_seconds"]


def test_an_older_checkout_is_measured_from_inside(tools, tmp_path):
    assert engine_names.is_engine(str(tools))
    assert isinstance(program(str(tools), "config.yaml", [], str(tmp_path)), ToolsFolder)


def test_tools_without_this_engine_are_a_command_line(tools, tmp_path):
    (tools / "engine" / "sessions.py").unlink()
    assert not engine_names.is_engine(str(tools))
    other = program(str(tools), "config.yaml", [], str(tmp_path))
    assert other.name == str(tools)
    assert other.phases(None, 1) == {}
    (tools / "trainer.py").unlink()
    with pytest.raises(UserError, match=r"the folder has no trainer\.py"):
        program(str(tools), "config.yaml", [], str(tmp_path))


def test_a_module_without_a_known_name_is_an_error(tools):
    (tools / "engine" / "report.py").unlink()
    code = "from benchmarking import engine_names; import sys; sys.path[0] = sys.argv[1]; "
    code += "engine_names.module('progress')"
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(worker.__file__))}
    command = [sys.executable, "-c", code, str(tools)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert last == "ImportError: the engine has no module engine.evaluation.progress"
