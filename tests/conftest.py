"""What all tests share: the model folders, and configurations whose output goes elsewhere."""

from pathlib import Path

import pytest

from engine import contract, runtime
from engine.config import load_config

runtime.prepare()

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = sorted(path.parent.name for path in ROOT.glob("models/multitask/*/net.py"))


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
        return load_config(path, [output, load, *overrides], contract.hyper_parameters)

    return make
