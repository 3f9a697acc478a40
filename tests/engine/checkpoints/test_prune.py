"""`runner.keep_checkpoints` removes old checkpoints and nothing else."""

import os

import numpy as np
import pytest

from engine import commands
from engine.checkpoints import find, layout, store
from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.system.errors import UserError
from engine.training import loop


def saved(root, epoch, prefix="rec"):
    parts = {"pdparams": {"w": np.ones(3, "f4")}, "pdopt": {"m": np.zeros(3, "f4")}}
    return store.save(str(root), epoch, prefix, parts, {"seed": 1})


@pytest.mark.parametrize(
    ("make", "prefix"),
    [(DygraphSession, "rec"), (lambda config: StaticSession(config, training=True), "rec_static")],
)
def test_the_latest_epochs_stay(configure, make, prefix):
    options = ["runner.epochs=5", "runner.keep_checkpoints=2", "runner.train_batch_size=200"]
    config = configure("mmoe", *options)
    root = config.runner("model_save_path")
    other = {"rec": "rec_static", "rec_static": "rec"}[prefix]
    saved(root, 1, other)
    loop.train(make(config), config, sources.training_source(config))
    assert sorted(name for name in os.listdir(root) if name.isdigit()) == ["1", "3", "4"]
    for epoch in "34":
        assert sorted(os.listdir(f"{root}/{epoch}")) == [
            f"{prefix}.{part}" for part in ("json", "pdopt", "pdparams")
        ]
    assert f"{other}.json" in os.listdir(f"{root}/1")


def test_files_of_the_user_stay(tmp_path):
    """An export by `to_static.py`, and a checkpoint of PaddleRec, which has no facts."""
    for epoch in range(3):
        saved(tmp_path, epoch)
    (tmp_path / "0" / "tostatic.json").write_text("{}")
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "rec.pdparams").write_bytes(b"")
    store.prune(str(tmp_path), "rec", 1)
    found = {name: sorted(os.listdir(tmp_path / name)) for name in sorted(os.listdir(tmp_path))}
    assert found == {
        "0": ["tostatic.json"],
        "2": ["rec.json", "rec.pdopt", "rec.pdparams"],
        "7": ["rec.pdparams"],
    }


def test_inference_models_of_static_training_are_removed_too(configure):
    options = ["runner.epochs=3", "runner.keep_checkpoints=1", "runner.use_inference=True"]
    config = configure("mmoe", *options, "runner.train_batch_size=200")
    root = config.runner("model_save_path")
    commands.train(config, "static")
    assert [name for name in sorted(os.listdir(root)) if name.isdigit()] == ["2"]
    assert "rec_inference.pdiparams" in os.listdir(f"{root}/2")


def test_the_latest_epochs_are_not_the_highest_numbers(tmp_path):
    """A new run saves to the folder of an older, longer run."""
    for epoch in (0, 1, 2, 3, 0):
        saved(tmp_path, epoch)
    store.prune(str(tmp_path), "rec", 2)
    assert sorted(os.listdir(tmp_path)) == ["0", "3"]


def test_the_checkpoint_of_an_interrupted_run_is_not_counted(tmp_path):
    for epoch in range(3):
        saved(tmp_path, epoch)
    parts = {"pdparams": {"w": np.ones(3, "f4")}}
    store.save(str(tmp_path), 3, "rec", parts, {}, name=layout.INTERRUPTED)
    store.prune(str(tmp_path), "rec", 2)
    assert sorted(os.listdir(tmp_path)) == ["1", "2", "interrupted"]


@pytest.mark.parametrize("beside", [(), ("tostatic.json",)])
def test_a_killed_removal_leaves_no_partial_checkpoint(tmp_path, monkeypatch, beside):
    for epoch in range(2):
        saved(tmp_path, epoch)
    for name in beside:
        (tmp_path / "0" / name).write_text("{}")
    remove, unlink, removed = os.remove, os.unlink, []

    def stop(original):
        def stopping(path, **options):
            if removed:
                raise KeyboardInterrupt
            removed.append(path)
            original(path, **options)

        return stopping

    with monkeypatch.context() as patched:
        patched.setattr(os, "remove", stop(remove))
        patched.setattr(os, "unlink", stop(unlink))
        with pytest.raises(KeyboardInterrupt):
            store.prune(str(tmp_path), "rec", 1)
    assert len(removed) == 1
    assert find.newest(str(tmp_path), "rec")[1]["epoch"] == 1
    assert sorted(os.listdir(tmp_path)) == (["0", "1"] if beside else ["1"])
    assert not (tmp_path / "0" / "rec.json").exists()
    assert [name for name, _ in find.saved(str(tmp_path), "rec")] == [str(tmp_path / "1")]


def test_a_checkpoint_that_cannot_be_removed_is_named(tmp_path, monkeypatch):
    for epoch in range(2):
        saved(tmp_path, epoch)

    def refuse(path, to):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(UserError, match=r"cannot remove .*/0: Operation not permitted"):
        store.prune(str(tmp_path), "rec", 1)
