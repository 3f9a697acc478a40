"""Loads texts as configurations."""

import pytest
import sample_yaml

from engine.config.load import load_config
from engine.system.errors import UserError


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads a YAML text with overrides; the current directory is not the YAML's folder."""
    (tmp_path / "here").mkdir()
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def load_text(*overrides, text=sample_yaml.BASE, declared=sample_yaml.DECLARED):
        path = tmp_path / "model" / "config.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_config(str(path), overrides, lambda folder: declared)

    return load_text


@pytest.fixture
def refusal(load):
    """Loads like `load` and returns the message of the expected error."""

    def message(*overrides, **options):
        with pytest.raises(UserError) as caught:
            load(*overrides, **options)
        return str(caught.value)

    return message
