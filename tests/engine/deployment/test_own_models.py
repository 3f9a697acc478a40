"""Exports of dygraph models in PaddleRec's form, with other inputs and outputs than the zoo's."""

import numpy as np
import paddle
import pytest
from own_model_texts import DECLARED, DYGRAPH, STATIC, net_code

from engine import commands
from engine.checkpoints import store
from engine.data import sources
from engine.deployment.export import dygraph_export
from engine.deployment.exported_model import model_files
from engine.deployment.predictors import opening, predictor
from engine.deployment.predictors.predictor import Options
from engine.graphs.dygraph import DygraphSession
from engine.system.errors import UserError
from engine.training import loop


@pytest.fixture
def export_net(write_model):
    """Saves an untrained net and exports it; returns the net, in eval mode, and its export."""

    def make(body, specs, more="", model_format="paddle", rows=0):
        config = write_model(net_code(body, specs, more), rows=rows)
        session = DygraphSession(config)
        root = config.runner("model_save_path")
        store.save(root, 0, "rec", {"pdparams": session.net.state_dict()}, {})
        session.start_epoch(training=False)
        return session.net, dygraph_export.export_checkpoint(config, model_format)

    return make


def assert_runs_like(net, nested, model, arrays, engines=predictor.ENGINES):
    """The export gives the outputs of the net, on each engine."""
    paddle.disable_static()
    with paddle.no_grad():
        tensors = [paddle.to_tensor(array) for array in arrays]
        expected = paddle.utils.flatten(net(*paddle.utils.pack_sequence_as(nested, tensors)))
    for engine in engines:
        if engine == "onnxruntime":
            pytest.importorskip("onnxruntime")
            pytest.importorskip("paddle2onnx")
        outputs = opening.open_predictor(model, Options(engine=engine)).run(arrays)
        assert len(outputs) == len(expected)
        for ours, theirs in zip(expected, outputs):
            np.testing.assert_allclose(theirs, ours.numpy(), rtol=0, atol=1e-5)


def test_a_model_without_input_specs(write_model, run_command, tmp_path):
    config = write_model()
    loop.train(DygraphSession(config), config, sources.training_source(config))
    folder = tmp_path / "own" / "output_model" / "0"
    before = sorted(folder.iterdir())
    done = run_command("to_static", "-m", tmp_path / "own" / "config.yaml")
    assert done.code == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        f"error: {tmp_path / 'own'}/dygraph_model.py: to export a model, add to DygraphModel a "
        "method input_specs(self, config) that returns its net's inputs, e.g. "
        "[paddle.static.InputSpec([None, 499], 'float32', 'input')]"
    )
    assert sorted(folder.iterdir()) == before
    assert sorted(path.name for path in folder.parent.iterdir()) == ["0", "config.yaml"]


def test_a_model_with_input_specs_is_exported(write_model, run_command, tmp_path):
    """paddle_infer.py runs it; outputs are numbered without output_names."""
    config = write_model(DYGRAPH + DECLARED)
    loop.train(DygraphSession(config), config, sources.training_source(config))
    model = dygraph_export.export_checkpoint(config)
    assert model.metadata["inputs"] == [{"name": "dense", "shape": [None, 3], "dtype": "float32"}]
    assert model.metadata["tasks"] == ["output_0"]
    path = tmp_path / "predictions.csv"
    yaml = tmp_path / "own" / "config.yaml"
    done = run_command("paddle_infer", "-m", yaml, f"--save_predictions={path}")
    assert done.code == 0, done.stderr
    assert done.stdout.startswith("8 rows, ")
    assert "\noutput_0: auc " in done.stdout
    assert path.read_text().splitlines()[0] == "output_0"
    assert len(path.read_text().splitlines()) == 1 + 8


def test_outputs_have_the_names_that_the_model_gives(write_model):
    names = "\n    def output_names(self):\n        return ['click']\n"
    config = write_model(DYGRAPH + DECLARED + names)
    loop.train(DygraphSession(config), config, sources.training_source(config))
    assert dygraph_export.export_checkpoint(config).metadata["tasks"] == ["click"]


def test_more_output_names_than_outputs(write_model, tmp_path):
    names = "\n    def output_names(self):\n        return ['click', 'buy']\n"
    config = write_model(DYGRAPH + DECLARED + names)
    loop.train(DygraphSession(config), config, sources.training_source(config))
    folder = tmp_path / "own" / "output_model" / "0"
    before = sorted(folder.iterdir())
    with pytest.raises(UserError, match=r"returns 1 outputs, but .* 2 names: click, buy"):
        dygraph_export.export_checkpoint(config)
    assert sorted(folder.iterdir()) == before


def test_a_single_tensor_as_output(export_net):
    body = """
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, features):
            return F.softmax(self.linear(features))
    """
    specs = "[InputSpec([None, 3], 'float32', 'features')]"
    net, model = export_net(body, specs)
    for rows in (1, 7):
        assert_runs_like(net, [0], model, [np.random.rand(rows, 3).astype("float32")])


def test_nested_inputs(export_net):
    body = """
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, pair, weight):
            first, second = pair
            return [self.linear(first - second) * weight, first.sum(axis=1)]
    """
    vector = "InputSpec([None, 3], 'float32', {!r})"
    specs = f"[[{vector.format('z')}, {vector.format('b')}], InputSpec([None, 1], 'float32', 'a')]"
    net, model = export_net(body, specs)
    assert [spec["name"] for spec in model.metadata["inputs"]] == ["z", "b", "a"]
    random = np.random.default_rng(1)
    arrays = [random.normal(size=[5, size]).astype("float32") for size in (3, 3, 1)]
    assert_runs_like(net, [[0, 0], 0], model, arrays)


def test_an_input_that_the_net_does_not_use_is_refused(export_net, tmp_path):
    body = """
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, unused, features):
            return self.linear(features)
    """
    vector = "InputSpec([None, 3], 'float32', {!r})"
    with pytest.raises(UserError) as caught:
        export_net(body, f"[{vector.format('unused')}, {vector.format('features')}]")
    place = f"{tmp_path / 'own'}/dygraph_model.py: the net cannot be exported with these input_spec"
    assert str(caught.value).startswith(place)
    assert [path.name for path in (tmp_path / "own" / "output_model").iterdir()] == ["0"]


@pytest.mark.parametrize("model_format", ["paddle", "onnx"])
def test_ids_of_an_embedding(export_net, model_format):
    """Without training rows, the export is checked on random rows, which must be valid ids."""
    if model_format == "onnx":
        pytest.importorskip("paddle2onnx")
        pytest.importorskip("onnxruntime")
    body = """
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(50, 4)
            self.linear = nn.Linear(8, 2)

        def forward(self, ids):
            return F.softmax(self.linear(self.table(ids).reshape([-1, 8])))
    """
    net, model = export_net(
        body, "[InputSpec([None, 2], 'int64', 'ids')]", model_format=model_format
    )
    assert model.metadata["inputs"] == [{"name": "ids", "shape": [None, 2], "dtype": "int64"}]
    engines = ["onnxruntime"] if model_format == "onnx" else predictor.ENGINES
    ids = np.random.default_rng(1).integers(0, 50, [9, 2])
    assert_runs_like(net, [0], model, [ids], engines)


def test_dropout_is_off(export_net):
    body = """
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)
            self.dropout = nn.Dropout(0.9)

        def forward(self, features):
            return self.dropout(self.linear(features))
    """
    net, model = export_net(body, "[InputSpec([None, 3], 'float32', 'features')]")
    assert_runs_like(net, [0], model, [np.random.rand(64, 3).astype("float32")])


@pytest.mark.parametrize("graph", ["dygraph", "static"])
def test_more_than_ten_outputs_keep_their_order(write_model, export_net, graph):
    """PIR calls them fetch_name_0 to fetch_name_11, and 10 sorts before 2."""
    outputs = "[features.sum(axis=1) * 0 + float(k * k) for k in range(12)]"
    names = [f"task_{number}" for number in range(12)]
    if graph == "dygraph":
        body = f"""
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(3, 1)

            def forward(self, features):
                features = self.linear(features)
                return {outputs}
        """
        more = f"""
            def output_names(self):
                return {names}
        """
        _, model = export_net(body, "[InputSpec([None, 3], 'float32', 'features')]", more)
    else:
        static = STATIC + (
            "\n    def infer_net(self, inputs):\n"
            "        features = F.sigmoid(paddle.nn.Linear(3, 1)(inputs[0]))\n"
            f"        return dict(zip(self.output_names(), {outputs}))\n"
            f"\n    def output_names(self):\n        return {names}\n"
            "\n    def input_specs(self, config):\n"
            "        return [paddle.static.InputSpec([None, 3], 'float32', 'dense')]\n"
        )
        config = write_model(static=static, use_inference=True)
        commands.train(config, "static")
        model = model_files.find(f"{config.runner('model_save_path')}/0")
    assert [spec.name for spec in model.outputs] == names
    for engine in predictor.ENGINES:
        if engine == "onnxruntime":
            pytest.importorskip("onnxruntime")
            pytest.importorskip("paddle2onnx")
        runner = opening.open_predictor(model, Options(engine=engine))
        found = runner.run([np.ones([2, 3], "float32")])
        assert [spec.name for spec in runner.outputs] == names
        assert [array.tolist() for array in found] == [[k * k] * 2 for k in range(12)]
