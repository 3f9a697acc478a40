"""Checkpoints are saved completely or not at all; resume and warm start load them."""

import json
import os
import shutil

import numpy as np
import paddle
import pytest

from engine.checkpoints import find, formats, layout, matching, store
from engine.data import sources
from engine.evaluation import evaluator
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.system.errors import UserError
from engine.training import loop, resume


def files(folder):
    return sorted(os.listdir(folder))


def saved(root, epoch=0, prefix="rec", value=1.0):
    parts = {"pdparams": {"w": np.full(3, value, "f4")}, "pdopt": {"m": np.zeros(3, "f4")}}
    return store.save(str(root), epoch, prefix, parts, {"seed": 1})


def test_a_checkpoint_replaces_its_own_files_and_keeps_the_other_graphs(tmp_path):
    saved(tmp_path, prefix="rec", value=1.0)
    saved(tmp_path, prefix="rec_static", value=2.0)
    folder = saved(tmp_path, prefix="rec", value=3.0)
    kinds = [
        f"{prefix}.{kind}"
        for prefix in ("rec", "rec_static")
        for kind in ("json", "pdopt", "pdparams")
    ]
    assert files(folder) == sorted(kinds)
    assert files(tmp_path) == ["0"]
    assert formats.read(f"{folder}/rec.pdparams")["w"][0] == 3.0
    assert formats.read(f"{folder}/rec_static.pdparams")["w"][0] == 2.0


def test_a_failed_save_leaves_the_older_checkpoint(tmp_path, monkeypatch):
    folder = saved(tmp_path, value=1.0)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(paddle, "save", full)
    with pytest.raises(UserError, match=r"cannot save to .*: No space left on device"):
        saved(tmp_path, value=2.0)
    assert formats.read(f"{folder}/rec.pdparams")["w"][0] == 1.0
    assert files(tmp_path) == ["0"]


def test_remains_of_a_killed_save_are_removed(tmp_path):
    """Epoch 1 was being written; epoch 0 was renamed and not yet replaced."""
    saved(tmp_path, epoch=0, value=1.0)
    saved(tmp_path, epoch=1, value=2.0)
    shutil.copytree(tmp_path / "1", tmp_path / ".1.rec.new")
    (tmp_path / ".1.rec.new" / "rec.pdparams").write_bytes(b"half")
    (tmp_path / "0").rename(tmp_path / ".0.rec.old")
    (tmp_path / ".2.rec_static.new").mkdir()  # a static run that may still be writing
    folder, facts = find.newest(str(tmp_path), "rec")
    assert (os.path.basename(folder), facts["epoch"]) == ("1", 1)
    assert files(tmp_path) == [".2.rec_static.new", "0", "1"]


def test_the_newest_is_the_last_one_saved(tmp_path):
    """The folder may still contain later epochs of an older run."""
    for epoch in (0, 1, 2):
        saved(tmp_path, epoch)
    saved(tmp_path, 0)
    assert find.newest(str(tmp_path), "rec")[1]["epoch"] == 0
    assert find.newest(str(tmp_path), "rec_static") is None
    assert find.newest(str(tmp_path / "nowhere"), "rec") is None


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_damaged_facts_are_named(tmp_path, content):
    folder = saved(tmp_path)
    with open(f"{folder}/rec.json", "w") as file:
        file.write(content)
    with pytest.raises(UserError, match=r"rec\.json is damaged"):
        find.newest(str(tmp_path), "rec")


@pytest.mark.parametrize("name", ["seed", "epoch"])
def test_missing_facts_are_named(configure, name):
    config = configure("mmoe", "runner.epochs=1")
    loop.train(DygraphSession(config), config, sources.training_source(config))
    path = os.path.join(config.runner("model_save_path"), "0", "rec.json")
    with open(path) as file:
        facts = json.load(file)
    for key in (name, "crc32", "files"):  # as an older version wrote it: without checksums
        del facts[key]
    with open(path, "w") as file:
        json.dump(facts, file)
    config = configure("mmoe", "runner.epochs=2", "runner.resume=True")
    with pytest.raises(UserError, match=rf"rec\.json is damaged: it has no {name}"):
        loop.train(DygraphSession(config), config, sources.training_source(config))


def test_another_seed_does_not_resume(configure):
    config = configure("mmoe", "runner.epochs=1")
    loop.train(DygraphSession(config), config, sources.training_source(config))
    config = configure("mmoe", "runner.epochs=2", "runner.seed=7", "runner.resume=True")
    with pytest.raises(UserError, match=r"runner\.seed = 7: the run to resume has seed 12345"):
        loop.train(DygraphSession(config), config, sources.training_source(config))


def test_tasks_in_another_order_are_noticed(configure, caplog):
    """The parameters have the same shapes, but the tasks would be confused.

    Commands read a checkpoint in its own order; programs that do not are refused.
    """
    options = ["runner.epochs=1", "runner.infer_end_epoch=1"]
    config = configure("mmoe", *options)
    loop.train(DygraphSession(config), config, sources.training_source(config))
    tasks = (
        "hyper_parameters.tasks=[{name: marital, label_column: 0}, {name: income, label_column: 1}]"
    )
    config = configure("mmoe", tasks, "runner.resume=True", "runner.epochs=2", *options[1:])
    with pytest.raises(
        UserError, match=r"with tasks income, marital; .*config.yaml has marital, in"
    ):
        loop.train(DygraphSession(config), config, sources.training_source(config))
    with pytest.raises(UserError, match="with tasks income, marital; "):
        evaluator.evaluate(DygraphSession(config), config, sources.evaluation_source(config))
    path = os.path.join(config.runner("model_save_path"), "0", "rec.json")
    with open(path) as file:
        facts = json.load(file)
    for key in ("crc32", "files", "model"):  # an older version: its metrics alone are compared
        del facts[key]
    with open(path, "w") as file:
        json.dump(facts, file)
    evaluator.evaluate(DygraphSession(config), config, sources.evaluation_source(config))
    assert "was trained for auc_income, auc_marital" in caplog.text


def test_resume_uses_the_configured_learning_rate(configure):
    """The learning rate of a static checkpoint is not loaded, although it is a variable there."""
    for make in (DygraphSession, lambda config: StaticSession(config, training=True)):
        config = configure("mmoe", "runner.epochs=1")
        loop.train(make(config), config, sources.training_source(config))
        rate = "hyper_parameters.optimizer.learning_rate=0.5"
        config = configure("mmoe", "runner.epochs=2", "runner.resume=True", rate)
        session = make(config)
        assert resume.start(session, config, sources.training_source(config)).epoch == 1
        assert session.learning_rate() == 0.5


def test_a_file_in_place_of_a_folder_is_an_error_before_training(configure, tmp_path):
    (tmp_path / "file").write_text("")
    config = configure("mmoe", f"runner.model_save_path={tmp_path / 'file' / 'inside'}")
    session, source = DygraphSession(config), sources.training_source(config)
    session.batches = None  # training would call it
    with pytest.raises(UserError, match="cannot save to"):
        loop.train(session, config, source)


def test_a_damaged_file_is_named(tmp_path):
    folder = saved(tmp_path)
    with open(f"{folder}/rec.pdparams", "r+b") as file:
        file.truncate(20)
    with pytest.raises(UserError, match=r"rec\.pdparams is damaged"):
        formats.read(f"{folder}/rec.pdparams")


@pytest.mark.parametrize(
    ("shapes", "problem"),
    [
        ({"w": (3,), "v": (1,)}, "it has no parameter v"),
        ({"w": (4,)}, r"w has shape \(3,\) there, \(4,\) here"),
        ({}, "the model has no parameter w; check that the checkpoint was trained with these"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(shapes, problem):
    with pytest.raises(UserError, match=problem):
        matching.check({"w": np.zeros(3)}, shapes, "folder")


@pytest.mark.parametrize("graph", ["dygraph", "static"])
def test_a_warm_start_loads_what_fits_and_logs_the_rest(configure, tmp_path, caplog, graph):
    first = configure("mmoe", "runner.epochs=1", f"runner.model_save_path={tmp_path / 'first'}")
    loop.train(DygraphSession(first), first, sources.training_source(first))

    def start(*overrides):
        init = f"runner.model_init_path={tmp_path / 'first' / '0'}"
        config = configure("mmoe", init, *overrides)
        session = DygraphSession(config) if graph == "dygraph" else StaticSession(config, True)
        caplog.clear()
        with caplog.at_level("INFO"):
            resume.start(session, config, sources.training_source(config))
        state = session.state()["pdparams"]
        names = session._variable_names("rec") if graph == "static" else {n: n for n in state}
        return {name: np.asarray(state[variable]) for name, variable in names.items()}

    before = formats.read(str(tmp_path / "first" / "0" / "rec.pdparams"))
    everything = start()
    for name, value in before.items():
        np.testing.assert_array_equal(everything[name], value)
    assert "9 of 9 parameters loaded" in caplog.text

    towers = start("runner.init_scope=[towers.*]")
    assert "4 of 9 parameters loaded" in caplog.text
    np.testing.assert_array_equal(towers["towers.output.weight"], before["towers.output.weight"])
    assert (towers["experts.inputs.0.weight"] != before["experts.inputs.0.weight"]).any()

    start("hyper_parameters.tower_size=5")
    assert "towers.output.weight has shape (2, 8, 2) in the checkpoint, (2, 5, 2)" in caplog.text
    start("hyper_parameters.gate_size=[4]")
    assert "experts.gate_logits.weight is not in the checkpoint" in caplog.text
    with pytest.raises(UserError, match="no parameter fits"):
        start("runner.init_scope=sparse")
    with pytest.raises(UserError, match="no parameter fits"):
        start("runner.init_scope=[nothing*]")


def test_resume_without_a_checkpoint_and_after_the_last_epoch(configure, caplog):
    config = configure("mmoe", "runner.epochs=1", "runner.resume=True")
    with caplog.at_level("INFO"):
        loop.train(DygraphSession(config), config, sources.training_source(config))
    assert "no checkpoint to resume" in caplog.text
    caplog.clear()
    with caplog.at_level("INFO"):
        summary = loop.train(DygraphSession(config), config, sources.training_source(config))
    assert summary.rows == 0
    assert "all 1 epochs are trained" in caplog.text


def test_the_facts_of_a_checkpoint(configure):
    config = configure("mmoe", "runner.epochs=1", "runner.seed=9")
    loop.train(DygraphSession(config), config, sources.training_source(config))
    with open(os.path.join(config.runner("model_save_path"), "0", "rec.json")) as file:
        facts = json.load(file)
    assert facts["epoch"] == 0
    assert facts["seed"] == 9
    assert facts["paddle"] == paddle.__version__


@pytest.mark.parametrize(
    ("name", "expected"),
    [("0", True), ("12", True), ("best", False), ("²", False), ("\u0663", False)],
)
def test_epochs_are_folders_with_ascii_digits(name, expected):
    assert layout.is_epoch(name) is expected
