"""The names of inputs, outputs and tasks in an export."""

import logging
import re
import shutil
from pathlib import Path

import numpy as np
import paddle
import pytest
from sklearn.metrics import roc_auc_score

from engine import commands
from engine.config.load import load_config
from engine.data import sources
from engine.deployment.export import dygraph_export
from engine.deployment.export.static_export import StaticExport
from engine.deployment.exported_model import model_files
from engine.deployment.predictors import opening, predictor
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.model_folder import loading
from engine.system.errors import UserError
from engine.training import loop

FOLDER = Path(loading.REPOSITORY) / "models" / "multitask" / "share_bottom"
SAMPLE = Path(loading.REPOSITORY) / "datasets" / "census" / "sample_data"

TASKS = ["income", "marital"]


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


@pytest.fixture(scope="module")
def static_run(tmp_path_factory):
    """Trains share_bottom in static graph, once; returns the options, session and checkpoint."""
    output = tmp_path_factory.mktemp("static_run")
    options = ["runner.epochs=1", "runner.train_batch_size=4", f"runner.model_save_path={output}"]
    config = load_config(str(FOLDER / "config.yaml"), options, loading.hyper_parameters)
    session = StaticSession(config, True)
    loop.train(session, config, sources.training_source(config))
    return options, session, output / "0"


@pytest.mark.parametrize("names", [["marital", "income"], ["marital"], ["income"]])
def test_fetches_follow_the_names_in_the_yaml(static_run, run_command, tmp_path, names):
    options, session, checkpoint = static_run
    options = [*options, f"runner.save_inference_fetch_varnames=[{','.join(names)}]"]
    config = load_config(str(FOLDER / "config.yaml"), options, loading.hyper_parameters)
    folder = tmp_path / "exported"
    shutil.copytree(checkpoint, folder)
    paddle.enable_static()
    StaticExport(config, session).save(str(folder))
    model = model_files.find(str(folder))
    assert [spec.name for spec in model.outputs] == names
    assert model.metadata["tasks"] == TASKS
    found = aucs(model)
    assert list(found) == names
    assert min(found.values()) > 0.6  # 0.32 with the other task's labels
    assert printed(run_command, folder) == pytest.approx(found, abs=1e-6)


@pytest.fixture(scope="module")
def dygraph_run(tmp_path_factory):
    """Trains share_bottom in dygraph, once; returns the options."""
    output = tmp_path_factory.mktemp("dygraph_run")
    options = ["runner.epochs=1", "runner.infer_end_epoch=1", "runner.train_batch_size=4"]
    options.append(f"runner.model_save_path={output}")
    config = load_config(str(FOLDER / "config.yaml"), options, loading.hyper_parameters)
    loop.train(DygraphSession(config), config, sources.training_source(config))
    return options


@pytest.mark.parametrize("form", ["paddle", "onnx"])
@pytest.mark.parametrize("names", [["marital", "income"], ["marital"], ["clip_0.tmp_0"]])
def test_to_static_exports_the_outputs_that_the_yaml_names(dygraph_run, run_command, form, names):
    """The AUCs are those of the labels of the same name."""
    if form == "onnx":
        for package in ("onnx", "paddle2onnx", "onnxruntime"):
            pytest.importorskip(package)
    options = [*dygraph_run, f"runner.save_inference_fetch_varnames=[{','.join(names)}]"]
    options.append("runner.save_inference_feed_varnames=[input]")
    config = load_config(str(FOLDER / "config.yaml"), options, loading.hyper_parameters)
    model = dygraph_export.export_checkpoint(config, form)
    names = ["income"] if names == ["clip_0.tmp_0"] else names
    assert [spec.name for spec in model.outputs] == names
    assert model.metadata["tasks"] == TASKS
    found = aucs(model)
    assert list(found) == names
    assert min(found.values()) > 0.6  # 0.32 with the other task's labels
    if form == "paddle":
        folder = Path(model.graph).parent
        assert printed(run_command, folder) == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize(
    ("key", "names", "message"),
    [
        ("fetch", "[incom]", "no incom among income, marital; did you mean 'income'?"),
        ("fetch", "[income,income]", "income is listed twice"),
        ("feed", "[dense]", "no dense among input"),
    ],
)
def test_to_static_refuses_names_that_do_not_exist(dygraph_run, key, names, message):
    options = [*dygraph_run, f"runner.save_inference_{key}_varnames={names}"]
    config = load_config(str(FOLDER / "config.yaml"), options, loading.hyper_parameters)
    with pytest.raises(UserError, match=re.escape(message)):
        dygraph_export.export_checkpoint(config)


def test_feeds_and_fetches_by_name(train_static):
    folder = train_static(
        save_inference_feed_varnames="[input]", save_inference_fetch_varnames="[income,marital]"
    )
    model = model_files.find(str(folder))
    assert [spec.name for spec in model.inputs] == ["input"]
    assert [spec.name for spec in model.outputs] == TASKS


def test_names_that_paddle_2_generated_are_matched_by_position(train_static, caplog):
    with caplog.at_level(logging.WARNING):
        folder = train_static(
            save_inference_feed_varnames="[feed_0.tmp_0]",
            save_inference_fetch_varnames="[clip_0.tmp_0,clip_1.tmp_0]",
        )
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "runner.save_inference_feed_varnames: feed_0.tmp_0 is a name that Paddle 2 generated; "
        "using input by position",
        "runner.save_inference_fetch_varnames: clip_0.tmp_0 is a name that Paddle 2 generated; "
        "using income by position",
        "runner.save_inference_fetch_varnames: clip_1.tmp_0 is a name that Paddle 2 generated; "
        "using marital by position",
    ]
    assert [spec.name for spec in model_files.find(str(folder)).outputs] == TASKS


@pytest.mark.parametrize(
    ("key", "names", "message"),
    [
        ("fetch", "[incom]", "no incom among income, marital; did you mean 'income'?"),
        ("fetch", "[income,income]", "income is listed twice"),
        ("fetch", "[clip_0.tmp_0,clip_1.tmp_0,clip_2.tmp_0]", "no clip_2.tmp_0 among income,"),
        ("fetch", "[loss]", "no loss among income, marital"),
        ("feed", "[inputs]", "no inputs among input; did you mean 'input'?"),
        ("feed", "[input,label_income]", "no label_income among input"),
        ("feed", "[]", "expected a list of names"),
        ("fetch", "income", "expected a list of names"),
    ],
)
def test_invalid_names_are_refused_before_training(configured, tmp_path, key, names, message):
    options = {f"save_inference_{key}_varnames": names}
    with pytest.raises(UserError) as caught:
        commands.open_training(configured(use_inference=True, **options), "static")
    assert str(caught.value).startswith(f"-o: runner.save_inference_{key}_varnames = ")
    assert message in str(caught.value)
    assert not (tmp_path / "output").exists()
