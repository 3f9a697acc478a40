"""Files that are written whole or not at all, by all that write so."""

import json
from pathlib import Path

import numpy as np
import pytest

from comparing import report
from comparing.matrix import Matrix
from engine.evaluation import predictions
from engine.system import atomic_files
from engine.system.errors import UserError
from searching import tuned


def page(path):
    matrix = Matrix("m.yaml", "m", "", str(path.parent), 1, ())
    report.write(matrix, None, "a command", pictures=False)


WRITERS = {
    "RESULTS.md": page,
    "tuned.yaml": lambda path: tuned.write(str(path), {"runner": {}}, []),
    "metrics.json": lambda path: atomic_files.write_json(str(path), {"rows": 1}),
    "predictions.csv": lambda path: predictions.write(str(path), {"click": np.ones(2)}),
    "predictions.npy": lambda path: predictions.write(str(path), {"click": np.ones(2)}),
}


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_is_left_beside_what_cannot_be_written(tmp_path, name):
    path = tmp_path / name
    path.mkdir()
    with pytest.raises(UserError, match=f"^cannot write {path}: Is a directory$"):
        WRITERS[name](path)
    assert list(tmp_path.iterdir()) == [path]
    path.rmdir()
    WRITERS[name](path)
    assert path.stat().st_size
    assert {one.name for one in tmp_path.iterdir()} <= {name, "RESULTS_CN.md"}


def test_what_was_there_stays_if_its_successor_is_not_finished(tmp_path):
    path = tmp_path / "deep" / "metrics.json"
    atomic_files.write_json(str(path), {"rows": 1})

    def interrupted():
        with atomic_files.writing(str(path)) as building:
            Path(building).write_text("half", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert json.loads(path.read_text(encoding="utf-8")) == {"rows": 1}
    assert list(path.parent.iterdir()) == [path]
