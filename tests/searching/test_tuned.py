"""The YAML of the best trial is read back with the same types."""

import pytest
import yaml

from engine.config import yaml_files
from searching import tuned


@pytest.mark.parametrize("text", ["1e-3", "0o17", "1.e5", "012", "1:30", "no", "2026-01-31", "~"])
def test_texts_that_look_like_other_types_stay_texts(tmp_path, text):
    path = tmp_path / "tuned.yaml"
    tree = {"hyper_parameters": {"name": text, "names": [text, "a"], "rate": 1e-3}}
    tuned.write(str(path), tree, ["a comment"])
    assert yaml_files.read(str(path))[0] == tree
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == tree
