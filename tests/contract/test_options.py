"""PaddleRec's options with folders written for PaddleRec."""

import re
import sys

import numpy as np
import pytest

from engine.checkpoints import formats
from engine.config.load import load_config
from engine.model_folder import importing, loading

TRAINERS = ["trainer", "static_trainer"]
PREFIX = {"trainer": "rec", "static_trainer": "rec_static"}
QUEUE = ["runner.train_reader_path=queuedataset_reader", "runner.infer_reader_path=criteo_reader"]


@pytest.fixture
def trained(stand_in, run_command):
    """Trains a folder; returns an epoch's parameters and the command's log."""
    folders = {}

    def train(name, trainer, *options, epoch=0, output="out"):
        if name not in folders:
            folders[name] = stand_in(name)
        folder = folders[name]
        common = ["runner.epochs=1", "runner.print_interval=100"]
        options = [*common, f"runner.model_save_path={folder / output}", *options]
        done = run_command(trainer, "-m", folder / "config.yaml", "-o", *options)
        assert done.code == 0, done.stderr
        path = folder / output / str(epoch) / f"{PREFIX[trainer]}.pdparams"
        saved = formats.read(str(path))
        saved.pop("StructuredToParameterName@@", None)
        return saved, done.log

    return train


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)


@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize("kind", ["QueueDataset", "InmemoryDataset"])
def test_a_data_generator_and_the_reader_yield_the_same_rows(trained, trainer, kind):
    expected, _ = trained("rank/dnn", trainer, output="rows")
    found, _ = trained("rank/dnn", trainer, f"runner.reader_type={kind}", *QUEUE, output=kind)
    assert_same(expected, found)


def test_an_unknown_reader_type(stand_in, run_command):
    done = run_command(
        "trainer", "-m", stand_in("rank/dnn") / "config.yaml", "-o", "runner.reader_type=Queue"
    )
    assert done.code == 2
    assert done.stderr.splitlines()[-1] == (
        "error: -o: runner.reader_type = 'Queue': expected DataLoader, QueueDataset, "
        "InmemoryDataset or CustomizeDataLoader"
    )


def test_a_model_without_the_configured_loader(stand_in, run_command):
    options = ["-o", "runner.reader_type=CustomizeDataLoader"]
    done = run_command("static_trainer", "-m", stand_in("rank/dnn") / "config.yaml", *options)
    assert done.code == 2
    assert done.stderr.splitlines()[-1].startswith(
        "error: runner.reader_type = CustomizeDataLoader needs static_model.StaticModel.create_data"
    )


@pytest.mark.parametrize("trainer", TRAINERS)
def test_lists_and_texts_as_options(trained, trainer):
    options = ["hyper_parameters.fc_sizes=[7,5,3]", "hyper_parameters.optimizer.class=Adamax"]
    saved, log = trained("rank/dnn", trainer, *options)
    shapes = [value.shape for value in saved.values() if value.ndim == 2]
    assert sorted(shapes, reverse=True)[-3:] == [(7, 5), (5, 3), (3, 2)]
    assert re.search(r"hyper_parameters.optimizer.class +Adamax\n", log)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_the_options_of_paddlerecs_tests_are_reproducible(trained, trainer):
    options = ["runner.CE=true", "runner.use_gpu=False", "runner.auc_num=2"]
    first, _ = trained("multitask/aitm", trainer, *options, output="first")
    second, _ = trained("multitask/aitm", trainer, *options, output="second")
    assert_same(first, second)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_warm_start(trained, tmp_path, trainer):
    first, _ = trained("recall/ncf", trainer, output="first")
    folder = tmp_path / "their_models" / "recall" / "ncf" / "first" / "0"
    options = [f"runner.model_init_path={folder}", "hyper_parameters.optimizer.learning_rate=0.0"]
    second, log = trained("recall/ncf", trainer, *options, output="second")
    assert_same(first, second)
    assert f"warm start: {len(first)} of {len(first)} parameters loaded" in log


@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize("name", ["rank/wide_deep", "multitask/aitm"])
def test_a_resumed_run_equals_an_uninterrupted_one(trained, name, trainer):
    """With a learning-rate schedule, batch normalisation and dropout."""
    whole, _ = trained(name, trainer, "runner.epochs=3", epoch=2, output="whole")
    trained(name, trainer, output="parts")
    options = ["runner.epochs=3", "runner.resume=True"]
    parts, log = trained(name, trainer, *options, epoch=2, output="parts")
    assert "resuming after" in log
    assert_same(whole, parts)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_drop_last(trained, trainer):
    """The last partial batch is left out as in PaddleRec, unless ``runner.drop_last=False``."""
    options = ["runner.print_interval=1"]
    _, log = trained("recall/ncf", trainer, *options, output="dropped")
    assert log.count("batch_id: ") == 6
    options.append("runner.drop_last=False")
    _, log = trained("recall/ncf", trainer, *options, output="kept")
    assert log.count("batch_id: ") == 7
    assert "avg_samples: 4.00000" in log


def test_map_style_readers_are_shuffled_only_on_request(trained):
    plain, _ = trained("rank/wide_deep", "trainer", output="plain")
    shuffled, _ = trained("rank/wide_deep", "trainer", "runner.shuffle=True", output="shuffled")
    assert any((plain[name] != shuffled[name]).any() for name in plain)


def test_each_folder_has_its_own_net(stand_in):
    """All have a module ``net``; one adds another folder to ``sys.path``."""
    path, found = sys.path[:], {}
    for name in ("rank/dnn", "rank/deepfm", "match/dssm", "rank/dnn"):
        folder = found[name] if name in found else stand_in(name)
        found[name] = folder
        net = importing.import_module(str(folder), "net")
        assert net.__file__ == str(folder / "net.py")
        siblings = [entry for entry in sys.path if entry.endswith("common_blocks")]
        assert len(siblings) == (name == "rank/deepfm")
        assert ("fm_block" in sys.modules) == (name == "rank/deepfm")
        loading.dygraph_model(load_config(str(folder / "config.yaml")))
    assert len(sys.path) <= len(path) + 2


@pytest.mark.parametrize(
    ("name", "feeds", "inputs"),
    [
        ("match/dssm", "[query,doc_pos]", 2),
        ("rank/wide_deep", "[ids,dense]", 2),
        ("multitask/aitm", "[features]", 1),
    ],
)
def test_static_training_saves_an_inference_model(trained, tmp_path, name, feeds, inputs):
    from engine.deployment.exported_model import model_files

    options = ["runner.use_inference=True", f"runner.save_inference_feed_varnames={feeds}"]
    trained(name, "static_trainer", *options)
    model = model_files.find(str(tmp_path / "their_models" / name / "out" / "0"), engine="paddle")
    assert [spec.name for spec in model.inputs] == feeds.strip("[]").split(",")
    assert len(model.inputs) == inputs


def test_predictions_need_members_of_the_model(stand_in, run_command):
    folder = stand_in("recall/ncf")
    assert run_command("trainer", "-m", folder / "config.yaml").code == 0
    done = run_command(
        "infer", "-m", folder / "config.yaml", "-o", f"runner.save_predictions={folder}/p.csv"
    )
    assert done.code == 2
    assert done.stderr.splitlines()[-1] == (
        "error: runner.save_predictions needs dygraph_model.DygraphModel.predict: not defined"
    )
    done = run_command("infer", "-m", folder / "config.yaml", "-o", "runner.metrics=[auc]")
    assert done.code == 2
    assert done.stderr.splitlines()[-1] == (
        "error: runner.metrics needs dygraph_model.DygraphModel.labels: not defined"
    )
