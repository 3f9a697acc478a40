"""What stands beside an export, and what its inputs and outputs are called."""

import json
import logging
from pathlib import Path

import numpy as np
import paddle
import pytest
from sklearn.metrics import roc_auc_score

from engine import commands
from engine.config.load import load_config
from engine.data import sources
from engine.deployment.export import dygraph_export
from engine.deployment.exported_model import graph_files, model_files
from engine.deployment.exported_model.tensors import TensorSpec
from engine.deployment.predictors import opening, predictor
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.model_folder import loading
from engine.system.errors import UserError
from engine.training import loop

FOLDER = Path(loading.REPOSITORY) / "models" / "multitask" / "share_bottom"
SAMPLE = Path(loading.REPOSITORY) / "datasets" / "census" / "sample_data"
PADDLE_3 = int(paddle.__version__.split(".")[0]) > 2
GRAPH = "json" if PADDLE_3 else "pdmodel"
CLASSES = "hyper_parameters.class_num"
TASKS = ["income", "marital"]


def declared(folder):
    """What a folder's YAML and model say: its input, its tasks' names, the shape of an output."""
    config = load_config(str(folder / "config.yaml"), [], loading.hyper_parameters)
    (spec,) = loading.dygraph_model(config).input_specs(config)
    dtype = str(spec.dtype).rpartition(".")[2].lower().replace("fp32", "float32")
    shape = tuple(None if size < 0 else size for size in spec.shape)
    tasks = [task["name"] for task in config["hyper_parameters.tasks"]]
    return TensorSpec(spec.name, shape, dtype), tasks, (None, config.get(CLASSES, 2))


@pytest.fixture
def configured(tmp_path):
    """Returns share_bottom's configuration for an epoch below the test's own folder."""

    def make(*overrides, **runner):
        chosen = {
            "model_save_path": tmp_path / "output",
            "infer_load_path": tmp_path / "output",
            "epochs": 1,
            "infer_end_epoch": 1,
            "train_batch_size": 100,
            **runner,
        }
        options = [f"runner.{name}={value}" for name, value in chosen.items()]
        yaml = str(FOLDER / "config.yaml")
        return load_config(yaml, [*options, *overrides], loading.hyper_parameters)

    return make


@pytest.fixture
def train_static(configured):
    """Trains share_bottom in static graph with ``use_inference``; returns the epoch's folder."""

    def train(*overrides, **runner):
        config = configured(*overrides, use_inference=True, **runner)
        commands.train(config, "static")
        return Path(config.runner("model_save_path")) / "0"

    return train


# Metadata


@pytest.mark.parametrize("how", ["to_static", "static", "onnx"])
def test_metadata_say_what_the_model_is(folder, exports, trained, how):
    model = exports(folder, how)
    meta = Path(f"{model.prefix}.meta.json")
    about = json.loads(meta.read_text())
    graph = "static" if how == "static" else "dygraph"
    assert about["model"] == folder.name
    spec, tasks, shape = declared(folder)
    assert about["inputs"] == [{"name": spec.name, "shape": [*spec.shape], "dtype": spec.dtype}]
    output = {"shape": [*shape], "dtype": "float32"}
    assert about["outputs"] == [{"name": name, **output} for name in tasks]
    assert about["tasks"] == tasks
    assert about["paddle"] == paddle.__version__
    assert [task["name"] for task in about["hyper_parameters"]["tasks"]] == tasks
    formats = {name: entry["format"] for name, entry in about["files"].items()}
    prefix = "rec_inference" if how == "static" else "tostatic"
    expected = {
        f"{prefix}.{GRAPH}": "PIR of Paddle 3" if PADDLE_3 else "program of Paddle 2",
        f"{prefix}.pdiparams": "parameters",
    }
    if how == "onnx":
        expected["tostatic.onnx"] = "ONNX"
    assert formats == expected
    for name, entry in about["files"].items():
        assert entry["sha256"] == model_files.sha256(str(meta.parent / name))
    source = "rec_static.pdparams" if how == "static" else "rec.pdparams"
    checkpoint = Path(trained(folder, graph).runner("model_save_path")) / "0" / source
    assert about["source"] == {
        "checkpoint": source,
        "sha256": model_files.sha256(str(checkpoint)),
    }


@pytest.mark.parametrize("how", ["to_static", "static"])
def test_the_graph_takes_any_number_of_rows(folder, exports, how):
    inputs, outputs = graph_files.tensors(exports(folder, how).graph)
    spec, tasks, shape = declared(folder)
    assert inputs == [spec]
    assert [(found.shape, found.dtype) for found in outputs] == [(shape, "float32")] * len(tasks)


def test_an_onnx_file_names_its_tensors_itself(folder, exports, tmp_path):
    pytest.importorskip("onnxruntime")
    path = tmp_path / "alone.onnx"
    path.write_bytes(Path(exports(folder, "onnx").graph).read_bytes())
    runner = opening.open_predictor(model_files.find(model_file=str(path)), predictor.Options())
    spec, tasks, _ = declared(folder)
    assert runner.inputs == [spec]
    assert [found.name for found in runner.outputs] == tasks


def test_the_hash_of_a_known_file(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert model_files.sha256(str(tmp_path / "file")).startswith("ba7816bf8f01cfea414140de5dae2223")


def test_a_static_checkpoint_is_exported_too(trained, configured, eager, sample_rows):
    root = trained(FOLDER, "static").runner("model_save_path")
    model = dygraph_export.export_checkpoint(configured(infer_load_path=root))
    assert model.about["source"]["checkpoint"] == "rec_static.pdparams"
    outputs = opening.open_predictor(model, predictor.Options()).run(sample_rows(FOLDER))
    for ours, theirs in zip(outputs, eager(FOLDER, "static").values()):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


def test_a_checkpoint_named_by_itself_keeps_its_epochs_name(trained, configured, tmp_path):
    root = trained(FOLDER, "dygraph").runner("model_save_path")
    model = dygraph_export.export_checkpoint(
        configured(model_init_path=f"{root}/0", infer_load_path=tmp_path / "none")
    )
    assert model.graph == str(tmp_path / "output" / "0" / f"tostatic.{GRAPH}")


# What replaces what


def listing(folder, *prefixes):
    return sorted(p.name for p in folder.iterdir() if p.name.startswith(tuple(prefixes)))


def test_an_epoch_trained_anew_loses_the_export_of_its_old_checkpoint(configured, train_static):
    """And keeps the export of the other graph."""
    config = configured()
    folder = Path(config.runner("model_save_path")) / "0"

    def train():
        loop.train(DygraphSession(config), config, sources.training_source(config))

    train()
    dygraph_export.export_checkpoint(config)
    train_static()
    made = listing(folder, "tostatic", "rec_inference")
    assert {f"tostatic.{GRAPH}", f"rec_inference.{GRAPH}"} <= set(made)
    model_files.find(str(folder), f"tostatic.{GRAPH}")  # whole still

    train()
    assert listing(folder, "tostatic.") == []
    assert listing(folder, "rec_inference.") == [name for name in made if name[0] == "r"]
    model_files.find(str(folder), f"rec_inference.{GRAPH}")

    dygraph_export.export_checkpoint(config)
    static = configured(use_inference=False)
    loop.train(StaticSession(static, True), static, sources.training_source(static))
    assert listing(folder, "rec_inference.") == []
    assert listing(folder, "tostatic.") == [name for name in made if name[0] == "t"]


def test_an_export_replaces_all_formats_of_an_older_one(configured):
    pytest.importorskip("paddle2onnx")
    config = configured()
    loop.train(DygraphSession(config), config, sources.training_source(config))
    folder = Path(config.runner("model_save_path")) / "0"
    dygraph_export.export_checkpoint(config, "onnx")
    assert (folder / "tostatic.onnx").is_file()
    dygraph_export.export_checkpoint(config)
    assert not (folder / "tostatic.onnx").exists()
    assert "tostatic.onnx" not in json.loads((folder / "tostatic.meta.json").read_text())["files"]


def test_dygraph_training_says_that_it_exports_nothing(configured, caplog):
    config = configured(use_inference=True)
    with caplog.at_level(logging.WARNING):
        commands.train(config, "dygraph")
    assert [record.getMessage() for record in caplog.records] == [
        "runner.use_inference: dygraph training exports nothing; run to_static.py"
    ]
    assert listing(Path(config.runner("model_save_path")) / "0", "tostatic", "rec_inf") == []


# Tasks in another order, fewer outputs


def aucs(model):
    """Each output's AUC with the test labels of the same name."""
    rows = np.loadtxt(SAMPLE / "test/test_data.txt", delimiter=",", dtype="float32")
    labels = {"marital": rows[:, 0], "income": rows[:, 1]}
    runner = opening.open_predictor(model, predictor.Options())
    outputs = runner.run([np.ascontiguousarray(rows[:, 2:])])
    return {
        spec.name: roc_auc_score(labels[spec.name], output[:, 1])
        for spec, output in zip(runner.outputs, outputs)
    }


def printed(run_command, folder, *options):
    """The AUCs that paddle_infer.py prints for a folder's model, by task."""
    done = run_command(
        "paddle_infer",
        f"--model_dir={folder}",
        f"--data_dir={SAMPLE / 'test'}",
        f"--reader_file={FOLDER / 'census_reader.py'}",
        "--batchsize=64",
        *options,
    )
    assert done.code == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()[1:]]
    return {line[0][:-1]: float(line[2][:-1]) for line in lines}


def test_tasks_in_another_order(configured, run_command):
    tasks = "[{name: marital, label_column: 0}, {name: income, label_column: 1}]"
    config = configured(f"hyper_parameters.tasks={tasks}", train_batch_size=4)
    loop.train(DygraphSession(config), config, sources.training_source(config))
    model = dygraph_export.export_checkpoint(config)
    found = aucs(model)
    assert list(found) == ["marital", "income"]
    assert min(found.values()) > 0.6  # 0.32 with the other task's labels
    folder = Path(model.graph).parent
    assert printed(run_command, folder) == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize("names", [["marital", "income"], ["marital"], ["income"]])
def test_fetches_are_those_named_in_their_order(train_static, run_command, names):
    folder = train_static(train_batch_size=4, save_inference_fetch_varnames=f"[{','.join(names)}]")
    model = model_files.find(str(folder))
    assert [spec.name for spec in model.outputs] == names
    assert model.about["tasks"] == TASKS
    found = aucs(model)
    assert list(found) == names
    assert min(found.values()) > 0.6  # 0.32 with the other task's labels
    assert printed(run_command, folder) == pytest.approx(found, abs=1e-6)


def test_feeds_and_fetches_by_the_names_that_count(train_static):
    folder = train_static(
        save_inference_feed_varnames="[input]", save_inference_fetch_varnames="[income,marital]"
    )
    model = model_files.find(str(folder))
    assert [spec.name for spec in model.inputs] == ["input"]
    assert [spec.name for spec in model.outputs] == TASKS


def test_names_that_paddle_once_gave_are_taken_by_position(train_static, caplog):
    with caplog.at_level(logging.WARNING):
        folder = train_static(
            save_inference_feed_varnames="[feed_0.tmp_0]",
            save_inference_fetch_varnames="[clip_0.tmp_0,clip_1.tmp_0]",
        )
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "runner.save_inference_feed_varnames: feed_0.tmp_0, a name that Paddle once gave by "
        "itself, is taken for input",
        "runner.save_inference_fetch_varnames: clip_0.tmp_0, a name that Paddle once gave by "
        "itself, is taken for income",
        "runner.save_inference_fetch_varnames: clip_1.tmp_0, a name that Paddle once gave by "
        "itself, is taken for marital",
    ]
    assert [spec.name for spec in model_files.find(str(folder)).outputs] == TASKS


@pytest.mark.parametrize(
    ("key", "names", "message"),
    [
        ("fetch", "[incom]", "no incom among income, marital; did you mean 'income'?"),
        ("fetch", "[income,income]", "income stands there twice"),
        ("fetch", "[clip_0.tmp_0,clip_1.tmp_0,clip_2.tmp_0]", "no clip_2.tmp_0 among income,"),
        ("fetch", "[loss]", "no loss among income, marital"),
        ("feed", "[inputs]", "no inputs among input; did you mean 'input'?"),
        ("feed", "[input,label_income]", "no label_income among input"),
        ("feed", "[]", "expected a list of names"),
        ("fetch", "income", "expected a list of names"),
    ],
)
def test_names_that_do_not_exist_end_training_before_it_begins(
    configured, tmp_path, key, names, message
):
    config = configured(use_inference=True, **{f"save_inference_{key}_varnames": names})
    with pytest.raises(UserError) as caught:
        commands.open_training(config, "static")
    assert str(caught.value).startswith(f"-o: runner.save_inference_{key}_varnames = ")
    assert message in str(caught.value)
    assert not (tmp_path / "output").exists()
