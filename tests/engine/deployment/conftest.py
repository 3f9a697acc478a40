"""Model folders trained for an epoch and exported, once for all tests, which only read them."""

import functools
import os
import shutil

import numpy as np
import paddle
import pytest

from engine import commands
from engine.checkpoints import find
from engine.config.load import load_config
from engine.data import sources
from engine.deployment.export import dygraph_export
from engine.deployment.exported_model import model_files
from engine.graphs.dygraph import DygraphSession
from engine.model_folder import loading


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
            pytest.importorskip("paddle2onnx")
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
        for ending in model_files.ENDINGS:
            if os.path.isfile(model.prefix + ending):
                shutil.copy(model.prefix + ending, target)
        return target

    return copy


@pytest.fixture(scope="session")
def sample_rows():
    """Returns every row's inputs of a model folder's sample, of training and test data."""

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
    """Returns what the trained net itself gives for every row of the sample, by task."""

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
    """Writes the graph file of a model of Paddle 2, on either Paddle; it computes nothing."""
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
