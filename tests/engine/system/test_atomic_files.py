"""Files are written completely or not at all, by every function that writes so."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from engine.evaluation import predictions
from engine.system import atomic_files
from engine.system.errors import UserError
from searching import tuned


def page(path):
    pytest.importorskip("jinja2", reason="Jinja2 is an extra: requirements-visual.txt")
    from comparing import report
    from comparing.matrix import Matrix

    matrix = Matrix("m.yaml", "m", "", str(path.parent), 1, data={}, cells=())
    report.write(matrix, None, "a command", html=False)


WRITERS = {
    "RESULTS.md": page,
    "tuned.yaml": lambda path: tuned.write(str(path), {"runner": {}}, []),
    "metrics.json": lambda path: atomic_files.write_json(str(path), {"rows": 1}),
    "predictions.csv": lambda path: predictions.write(str(path), {"click": np.ones(2)}),
    "predictions.npy": lambda path: predictions.write(str(path), {"click": np.ones(2)}),
}


@pytest.mark.parametrize("name", WRITERS)
def test_no_temporary_file_stays_after_an_error(tmp_path, name):
    path = tmp_path / name
    path.mkdir()
    with pytest.raises(UserError, match=f"^cannot write {path}: Is a directory$"):
        WRITERS[name](path)
    assert list(tmp_path.iterdir()) == [path]
    path.rmdir()
    WRITERS[name](path)
    assert path.stat().st_size
    assert {file.name for file in tmp_path.iterdir()} <= {name, "RESULTS_CN.md"}


def test_the_old_file_stays_if_the_new_one_is_not_finished(tmp_path):
    path = tmp_path / "deep" / "metrics.json"
    atomic_files.write_json(str(path), {"rows": 1})

    def interrupted():
        with atomic_files.writing(str(path)) as temporary:
            Path(temporary).write_text("half", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert json.loads(path.read_text(encoding="utf-8")) == {"rows": 1}
    assert list(path.parent.iterdir()) == [path]


def test_files_are_flushed_before_they_are_renamed(tmp_path, monkeypatch):
    """A file that is renamed first can be empty after a power failure."""
    calls = []
    fsync, replace = os.fsync, os.replace

    def record_fsync(descriptor):
        calls.append("flush " + os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def record_replace(source, target):
        calls.append(f"rename to {os.path.basename(target)}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "replace", record_replace)
    atomic_files.write_text(str(tmp_path / "a.txt"), "a")
    assert calls[1:] == ["rename to a.txt"]
    assert re.fullmatch(r"flush \.writing\.[0-9a-f]{12}\.a\.txt", calls[0])
    calls.clear()
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "b.txt").write_text("b")
    atomic_files.flush_tree(str(tmp_path))
    assert calls == ["flush b.txt", "flush inner", "flush a.txt", f"flush {tmp_path.name}"]
