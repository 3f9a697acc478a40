"""A folder's modules may have the names of modules of the standard library."""

import re
import shutil

import pytest

RENAMED = {"criteo_reader": "queue", "net": "types"}


def rename_modules(folder):
    for old, new in RENAMED.items():
        (folder / f"{old}.py").rename(folder / f"{new}.py")
    for path in [*folder.glob("*.py"), folder / "config.yaml"]:
        text = path.read_text()
        for old, new in RENAMED.items():
            text = re.sub(rf"(import |from |\"){old}\b", rf"\1{new}", text)
            text = re.sub(rf"(?<![.\w]){old}\.", f"{new}.", text)
        path.write_text(text)


@pytest.mark.parametrize("graph", ["", "static_"])
def test_a_folder_with_such_names_trains_and_evaluates(stand_in, run_command, lines, graph):
    """Its metrics are those of the same folder with the usual names."""
    usual = stand_in("rank/dnn")
    renamed = usual.parent / "renamed"
    shutil.copytree(usual, renamed)
    rename_modules(renamed)
    metrics = []
    for folder in (usual, renamed):
        for name in ("trainer", "infer"):
            done = run_command(f"{graph}{name}", "-m", folder / "config.yaml")
            assert done.code == 0, done.stderr
            metrics.append([{**values, "time": 0} for values in lines(done.log)["done"]])
    assert metrics[:2] == metrics[2:]
    assert all(metrics)
