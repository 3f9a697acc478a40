from __future__ import annotations

import pytest

from datasets.preparing.command import DataError
from datasets.preparing.publish import publish

FILES = {"a.csv": [b"1\n", b"2\n"], "in/a/folder.csv": [b"3\n"], "in/a/twin.csv": []}


def content(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def test_files_in_any_folder_and_what_is_known_of_them(tmp_path, capsys):
    outputs = publish(tmp_path / "out", {"columns": 1}, FILES.items)
    assert content(tmp_path / "out") == {name: b"".join(rows) for name, rows in FILES.items()}
    assert {name: output["rows"] for name, output in outputs.items()} == {
        name: len(rows) for name, rows in FILES.items()
    }
    capsys.readouterr()
    assert publish(tmp_path / "out", {"columns": 1}, lambda: pytest.fail("made again")) == outputs
    assert capsys.readouterr().out.startswith("already prepared")
    publish(tmp_path / "out", {"columns": 2}, FILES.items)
    assert capsys.readouterr().out.startswith("prepared in ")


def test_folder_in_the_way_is_found_before_anything_moves(tmp_path):
    publish(tmp_path, {}, FILES.items)
    earlier = content(tmp_path)
    (tmp_path / "late.csv").mkdir()
    other = {**{name: [b"4\n"] for name in FILES}, "late.csv": [b"5\n"]}
    with pytest.raises(DataError, match=r"late\.csv: cannot be replaced"):
        publish(tmp_path, {}, other.items, force=True)
    assert content(tmp_path) == earlier
    assert not (tmp_path / ".prepared" / "new").exists()
