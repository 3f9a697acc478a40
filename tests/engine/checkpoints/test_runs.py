"""Two trainings never mix in one folder, and none is lost."""

import json
import os

import numpy as np
import pytest

from engine.checkpoints import facts as facts_of
from engine.checkpoints import find, runs, store
from engine.system.errors import UserError

PARTS = {"pdparams": {"w": np.zeros(2, "f4")}, "pdopt": {"m": np.zeros(2, "f4")}}


def train(config, prefix="rec", epochs=("0", "1", "best", "interrupted")):
    """Does what a training does with the folder; returns its id."""
    runs.clear(config, prefix)
    run = runs.identity(config)
    for name in epochs:
        root, number = config.runner("model_save_path"), int(name) if name.isdigit() else 1
        store.save(root, number, prefix, PARTS, {"seed": 1, "run": run}, name=name)
    return run["id"]


def ids(root, prefix="rec"):
    """Returns the run of each checkpoint in a folder."""
    return {
        name: facts_of.read(os.path.join(root, name), prefix)["run"]["id"]
        for name in os.listdir(root)
        if os.path.isfile(os.path.join(root, name, f"{prefix}.json"))
    }


def test_the_same_training_again_moves_the_earlier_one(configure, tmp_path):
    root = str(tmp_path / "output")
    config = configure("mmoe")
    first = train(config)
    static = train(config, "rec_static", epochs=("0", "2"))  # in the same folders
    open(f"{root}/1/tostatic.json", "w").close()  # an export of it
    second = train(configure("mmoe", "runner.print_interval=7"), epochs=("0",))  # no other result
    assert first != second
    assert ids(root) == {"0": second}
    assert ids(f"{root}/run_{first}") == dict.fromkeys(("0", "1", "best", "interrupted"), first)
    assert os.path.isfile(f"{root}/run_{first}/1/tostatic.json")
    assert ids(root, "rec_static") == {"0": static, "2": static}
    third = train(config, epochs=("0",))
    assert (ids(root), ids(f"{root}/run_{second}")) == ({"0": third}, {"0": second})


def test_another_training_is_refused_and_named(configure, tmp_path):
    root = str(tmp_path / "output")
    first = train(configure("mmoe"))
    before = sorted(os.walk(root))
    other = configure("mmoe", "hyper_parameters.optimizer.learning_rate=0.5")
    for act in (runs.check, runs.clear):
        with pytest.raises(UserError) as caught:
            act(other, "rec")
        assert str(caught.value) == (
            f"{root} has checkpoints of another training (run {first}: 0, 1, best, interrupted): "
            "it has hyper_parameters.optimizer.learning_rate = 0.001, this one 0.5; "
            "runner.resume=True continues it, runner.overwrite=True removes its checkpoints, "
            "another runner.model_save_path keeps them"
        )
    assert sorted(os.walk(root)) == before
    runs.check(other, "rec_static")  # the other graph has no checkpoints here
    runs.check(configure("mmoe", "runner.epochs=9", "runner.resume=True"), "rec")


def test_overwrite_removes_only_what_a_training_wrote(configure, tmp_path):
    root = str(tmp_path / "output")
    train(configure("mmoe"))
    train(configure("mmoe"), "rec_static", epochs=("0",))
    for name in ("notes.txt", "1/notes.txt", "7.txt"):
        open(f"{root}/{name}", "w").close()
    second = train(configure("mmoe", "runner.epochs=9", "runner.overwrite=True"), epochs=("0",))
    assert ids(root) == {"0": second}
    assert sorted(os.listdir(root)) == ["0", "1", "7.txt", "notes.txt"]
    assert os.listdir(f"{root}/1") == ["notes.txt"]
    assert list(ids(root, "rec_static")) == ["0"]


def test_overwrite_keeps_the_checkpoint_of_the_warm_start(configure, tmp_path):
    train(configure("mmoe"))
    start = f"runner.model_init_path={tmp_path / 'output' / '1'}"
    with pytest.raises(UserError, match=r"runner\.overwrite = True: it would remove the warm st"):
        train(configure("mmoe", start, "runner.overwrite=True"))
    assert list(ids(str(tmp_path / "output"))) != []


def test_checkpoints_without_an_identity_are_another_training(configure, tmp_path):
    """Those of PaddleRec and of older versions."""
    folder = tmp_path / "output" / "0"
    folder.mkdir(parents=True)
    (folder / "rec.pdparams").write_bytes(b"")
    with pytest.raises(UserError, match=r"\(run unknown: 0\): 0 does not record its run; runner"):
        runs.check(configure("mmoe"), "rec")


def test_a_killed_move_is_finished_by_the_next_run(configure, tmp_path):
    root = str(tmp_path / "output")
    first = train(configure("mmoe"))
    train(configure("mmoe"), "rec_static", epochs=("1",))  # so that files are moved one by one
    os.makedirs(f"{root}/run_{first}/1")
    os.rename(f"{root}/0", f"{root}/run_{first}/0")
    os.rename(f"{root}/1/rec.pdparams", f"{root}/run_{first}/1/rec.pdparams")
    second = train(configure("mmoe"), epochs=("0",))
    assert ids(root) == {"0": second}
    for name in ("0", "1", "best", "interrupted"):
        assert find.parameters(f"{root}/run_{first}/{name}", "rec")[0]["w"].tolist() == [0, 0]


def test_a_resumed_run_keeps_its_identity(configure):
    config = configure("mmoe")
    run = runs.identity(config)
    again = runs.identity(
        configure("mmoe", "runner.epochs=9"), {"run": json.loads(json.dumps(run))}
    )
    assert (again["id"], again["started_at"]) == (run["id"], run["started_at"])
    assert again["settings"]["runner.epochs"] == 9
    assert runs.identity(config, {})["id"] != runs.identity(config, None)["id"]
