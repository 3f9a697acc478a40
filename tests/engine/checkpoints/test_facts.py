"""A changed byte of a checkpoint is noticed, and facts of a wrong type are one line."""

import json
import os
import random
import re
import zlib

import numpy as np
import pytest

from engine.checkpoints import choice, find, layout, server_tables, store
from engine.checkpoints import facts as facts_of
from engine.graphs.opening import GRAPHS
from engine.system.errors import UserError

PARTS = {
    "pdparams": {"w": np.arange(300, dtype="f4")},
    "pdopt": {"m": np.arange(300, dtype="f4")},
    "pdema": {"w": np.ones(300, "f4")},
    "progress.npz": {"count": np.arange(300)},
}


def saved(root, form="paddle", **facts):
    facts = {"seed": 1, "run": {"id": "ab", "started_at": 1.5, "settings": {}}, **facts}
    return store.save(str(root), 0, "rec", PARTS, facts, form=form)


def read_all(folder):
    facts_of.read(folder, "rec")
    return {part: find.part(folder, "rec", part) for part in PARTS}


@pytest.mark.parametrize("form", ["paddle", "safetensors"])
def test_every_flipped_byte_is_noticed(tmp_path, form):
    folder = saved(tmp_path, form)
    for part, content in read_all(folder).items():
        for name, array in content.items():
            np.testing.assert_array_equal(array, PARTS[part][name])
    names = os.listdir(folder)
    assert len(names) == 5
    chance = random.Random(1)
    for name in names:
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            whole = file.read()
        for place in chance.sample(range(len(whole)), 40):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << chance.randrange(8)
            with open(path, "wb") as file:
                file.write(damaged)
            with pytest.raises(UserError, match=re.escape(name)):
                read_all(folder)
        with open(path, "wb") as file:
            file.write(whole)
    read_all(folder)


def test_the_checksums_are_those_of_zlib(tmp_path):
    folder = saved(tmp_path)
    files = facts_of.read(folder, "rec")["files"]
    assert sorted(files) == [f"rec.{part}" for part in sorted(PARTS)]
    for name, value in files.items():
        with open(os.path.join(folder, name), "rb") as file:
            assert int(value, 16) == zlib.crc32(file.read())


def test_a_file_from_elsewhere_and_a_missing_one_are_named(tmp_path):
    folder = saved(tmp_path)
    os.rename(f"{folder}/rec.pdparams", f"{folder}/rec.other")
    store.save(str(tmp_path), 1, "rec", PARTS, {"seed": 1}, form="safetensors")
    os.rename(f"{tmp_path}/1/rec.safetensors", f"{folder}/rec.safetensors")
    with pytest.raises(UserError, match=r"rec\.safetensors is not a file of this checkpoint"):
        find.parameters(folder, "rec")
    os.remove(f"{folder}/rec.pdema")  # a run with averages would resume without them
    os.rename(f"{folder}/rec.other", f"{folder}/rec.pdparams")
    os.remove(f"{folder}/rec.safetensors")
    with pytest.raises(UserError, match=r"there is no checkpoint .*rec\.pdema"):
        find.state(folder, "rec", {"w": (300,)})


WRONG = {
    "epoch": ["3", 1.5, -1, None, True],
    "saved_at": ["now", None, [1]],
    "seed": ["1", {}],
    "metrics": ["auc", [1], {"auc": 1}],
    "encoding": [1, ["a"]],
    "batches": ["7", -1],
    "ranks": [0, "2"],
    "shuffle": [1, "yes"],
    "tables": [[], {"a": 1}, {"a": {"id": 0, "shape": [1]}}, {"a": {"id": "x", "shape": [1, 2]}}],
    "controls": [[], {"evaluated": [1]}, {"early_stopping": {"best": "high"}}, {"schedule": {}}],
    "run": ["ab", {"id": 3}, {"started_at": "now"}],
    "model": [[], {"tasks": ["a"]}, {"tasks": [{"name": 1}]}, {"columns": {"dense": "a"}}],
    "files": [["rec.pdparams"], {"rec.pdparams": 1}],
    "crc32": [7],
}


@pytest.mark.parametrize("name", WRONG)
def test_facts_of_a_wrong_type_are_one_line(tmp_path, name):
    folder = saved(tmp_path)
    path = f"{folder}/rec.json"
    with open(path) as file:
        facts = json.load(file)
    for value in WRONG[name]:
        with open(path, "w") as file:
            json.dump({**facts, name: value}, file)
        with pytest.raises(UserError, match=rf"rec\.json is damaged: {name}[:.a-z_]* expected "):
            find.newest(str(tmp_path), "rec")


@pytest.mark.parametrize("shape", [[10**12, 1000], [10**18, 10**18]])
def test_a_table_larger_than_memory_is_one_line(tmp_path, shape):
    (tmp_path / "000").mkdir()
    with pytest.raises(UserError, match=f"table a in .*: {shape[0]} x {shape[1]} numbers"):
        server_tables.read(str(tmp_path), {"a": {"id": 0, "shape": shape}})


def test_the_checkpoint_is_named_before_it_is_read(tmp_path, caplog):
    folders = [store.save(str(tmp_path), e, "rec", PARTS, {"run": {"id": "ab"}}) for e in range(4)]
    with caplog.at_level("INFO"):
        choice.announce("evaluating", folders, "rec_static")
    first = f"evaluating checkpoints {folders[0]} to {folders[3]} (run ab, epoch 0 to 3)"
    assert caplog.messages[0] == first
    caplog.clear()
    store.save(str(tmp_path), 1, "rec", PARTS, {"run": {"id": "cd"}})
    choice.announce("evaluating", folders, "rec")
    assert f"2 different runs: ab ({folders[3]}), cd ({folders[1]})" in caplog.text


def test_every_graph_has_a_prefix():
    assert tuple(layout.PREFIXES) == GRAPHS
