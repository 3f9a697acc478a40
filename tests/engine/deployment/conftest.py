"""Model folders, trained for an epoch and exported once; tests must not change them."""

import functools
import os
import shutil
from pathlib import Path

import numpy as np
import paddle
import pytest
from own_model_texts import DYGRAPH, READER, STATIC, YAML

from engine import commands
from engine.checkpoints import find
from engine.config.load import load_config
from engine.data import sources
from engine.deployment.export import dygraph_export
from engine.deployment.exported_model import model as exported_model
from engine.deployment.exported_model import model_files
from engine.graphs.dygraph import DygraphSession
from engine.model_folder import importing, loading

FOLDER = Path(loading.REPOSITORY) / "models" / "multitask" / "share_bottom"
SAMPLE = Path(loading.REPOSITORY) / "datasets" / "census" / "sample_data"
GRAPH = "json" if int(paddle.__version__.split(".")[0]) > 2 else "pdmodel"


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Trains a model folder for an epoch; returns its configuration."""

    @functools.cache
    def train(folder, graph):
        output = tmp_path_factory.mktemp(f"{folder.name}_{graph}")
        options = [
            f"runner.model_save_path={output}",
            f"runner.infer_load_path={output}",
            "runner.epochs=1",
            "runner.infer_end_epoch=1",
            "runner.train_batch_size=16",
            f"runner.use_inference={graph == 'static'}",
        ]
        config = load_config(str(folder / "config.yaml"), options, loading.hyper_parameters)
        commands.train(config, graph)
        return config

    return train


@pytest.fixture(scope="session")
def exports(trained, tmp_path_factory):
    """Exports a model folder by ``to_static`` or ``onnx``, or as ``static`` training does."""

    @functools.cache
    def make(folder, how):
        if how == "static":
            config = trained(folder, "static")
            return model_files.find(f"{config.runner('model_save_path')}/0", engine="paddle")
        if how == "onnx":
            for package in ("onnx", "paddle2onnx", "onnxruntime"):  # the export is checked, too
                pytest.importorskip(package)
        target = tmp_path_factory.mktemp(f"{folder.name}_{how}")
        options = [f"runner.model_save_path={target}", "runner.infer_end_epoch=1"]
        options.append(
            f"runner.infer_load_path={trained(folder, 'dygraph').runner('model_save_path')}"
        )
        config = load_config(str(folder / "config.yaml"), options, loading.hyper_parameters)
        return dygraph_export.export_checkpoint(config, "onnx" if how == "onnx" else "paddle")

    return make


@pytest.fixture
def exported_copy(exports, tmp_path):
    """Copies a model folder's export, for a test that changes it; returns its folder."""

    def copy(folder, how):
        model = exports(folder, how)
        target = tmp_path / "exported"
        target.mkdir(exist_ok=True)
        for ending in exported_model.ENDINGS:
            if os.path.isfile(model.prefix + ending):
                shutil.copy(model.prefix + ending, target)
        return target

    return copy


@pytest.fixture(scope="session")
def sample_rows():
    """Returns the inputs of all rows in a model folder's training and test samples."""

    @functools.cache
    def read(folder):
        config = load_config(str(folder / "config.yaml"), [], loading.hyper_parameters)
        files = [
            *loading.files(config, "train_data_dir"),
            *loading.files(config, "test_data_dir"),
        ]
        reader = config.runner("train_reader_path")
        source = sources.open_reader(config, reader, files, 64, None)
        inputs = len(loading.dygraph_model(config).input_specs(config))
        blocks = list(source.blocks())
        return [np.concatenate([block[place] for block in blocks]) for place in range(inputs)]

    return read


@pytest.fixture(scope="session")
def eager(trained, sample_rows):
    """Returns the outputs of the trained net for all rows of the samples, by task."""

    @functools.cache
    def predict(folder, graph):
        config = trained(folder, graph)
        session = DygraphSession(config)
        saved, prefix = find.parameters(f"{config.runner('model_save_path')}/0", "rec")
        session.load(saved, prefix)
        session.start_epoch(training=False)
        with paddle.no_grad():
            outputs = session.net(*map(paddle.to_tensor, sample_rows(folder)))
        return dict(zip(session.output_names(), (output.numpy() for output in outputs)))

    return predict


@pytest.fixture(scope="session")
def write_pdmodel():
    """Writes a graph file in Paddle 2's format, on Paddle 2 and 3; the graph computes nothing."""
    core = paddle.base.core
    kinds = core.VarDesc.VarType
    dense = getattr(kinds, "LOD_TENSOR", None) or kinds.DENSE_TENSOR  # renamed in Paddle 3

    def write(path, inputs, outputs, operators=()):
        program = core.ProgramDesc()
        block = program.block(0)
        for name, shape, dtype in (*inputs, *outputs):
            variable = block.var(name.encode())
            variable.set_type(dense)
            variable.set_shape(shape)
            variable.set_dtype(getattr(kinds, dtype))

        def append(kind, ends):
            operator = block.append_op()
            operator.set_type(kind)
            for end, name in ends.items():
                (operator.set_input if end == "X" else operator.set_output)(end, [name])
            return operator

        for column, (name, *_) in reversed([*enumerate(inputs)]):  # as Paddle 2 has them
            append("feed", {"X": "feed", "Out": name})._set_attr("col", column)
        for kind in operators:
            append(kind, {})
        for column, (name, *_) in enumerate(outputs):
            append("fetch", {"X": name, "Out": "fetch"})._set_attr("col", column)
        path.write_bytes(program.serialize_to_string())

    return write


@pytest.fixture
def configured(tmp_path):
    """Returns share_bottom's configuration for one epoch that is saved below tmp_path."""

    def make(*overrides, **runner):
        values = {
            "model_save_path": tmp_path / "output",
            "infer_load_path": tmp_path / "output",
            "epochs": 1,
            "infer_end_epoch": 1,
            "train_batch_size": 100,
            **runner,
        }
        options = [f"runner.{name}={value}" for name, value in values.items()]
        yaml = str(FOLDER / "config.yaml")
        return load_config(yaml, [*options, *overrides], loading.hyper_parameters)

    return make


@pytest.fixture
def model(exported_copy):
    """The folder of an export that a test may damage."""
    return exported_copy(FOLDER, "to_static")


@pytest.fixture
def refusal(run_command, written):
    """Runs a command that must fail with an error of one line and must leave no files."""

    def run(name, *arguments):
        before = written()
        done = run_command(name, *arguments)
        assert done.code == 2, done.stderr
        assert "Traceback" not in done.stderr
        lines = done.stderr.splitlines()
        assert [line for line in lines if line.startswith("error: ")] == lines[-1:], done.stderr
        assert written() == before
        return lines[-1]

    return run


@pytest.fixture
def infer_error(refusal, model):
    """Runs paddle_infer.py on the export and share_bottom's test data; returns its error."""

    def run(*options, **named):
        values = {
            "model_file": model / f"tostatic.{GRAPH}",
            "data_dir": SAMPLE / "test",
            "reader_file": FOLDER / "census_reader.py",
            **named,
        }
        options_given = [f"--{name}={value}" for name, value in values.items() if value is not None]
        return refusal("paddle_infer", *options_given, *options)

    return run


@pytest.fixture
def infer(run_command, exports):
    """Runs paddle_infer.py on share_bottom's export and test data; returns what it printed."""

    def run(*options, how="to_static"):
        done = run_command(
            "paddle_infer",
            f"--model_file={exports(FOLDER, how).graph}",
            f"--data_dir={SAMPLE / 'test'}",
            f"--reader_file={FOLDER / 'census_reader.py'}",
            *options,
        )
        assert done.code == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def write_model(tmp_path):
    """Writes a model folder; returns its configuration."""

    def write(dygraph=DYGRAPH, static=STATIC, reader=READER, rows=8, **runner):
        folder = tmp_path / "own"
        (folder / "data").mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(0)
        lines = [
            f"{' '.join(map(str, row))} {row[0] > 0:d}" for row in random.normal(size=[rows, 3])
        ]
        (folder / "data" / "rows.txt").write_text("\n".join(lines))
        for name, content in (
            ("dygraph_model.py", dygraph),
            ("static_model.py", static),
            ("reader.py", reader),
            ("config.yaml", YAML),
        ):
            (folder / name).write_text(content)
        importing.forget(str(folder))  # a test may write a folder twice
        options = [f"runner.{name}={value}" for name, value in runner.items()]
        return load_config(str(folder / "config.yaml"), options, loading.hyper_parameters)

    return write


@pytest.fixture
def train_static(configured):
    """Trains share_bottom in static graph with ``use_inference``; returns the epoch's folder."""

    def train(*overrides, **runner):
        config = configured(*overrides, use_inference=True, **runner)
        commands.train(config, "static")
        return Path(config.runner("model_save_path")) / "0"

    return train
