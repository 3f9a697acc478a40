"""Models in PaddleRec's form, of other shapes than the zoo's: what they must say to be exported."""

import logging
import textwrap

import numpy as np
import paddle
import pytest

from engine import commands
from engine.checkpoints import store
from engine.config.load import load_config
from engine.data import sources
from engine.deployment.export import dygraph_export
from engine.deployment.exported_model import model_files
from engine.deployment.predictors import opening, predictor
from engine.deployment.predictors.predictor import Options
from engine.graphs.dygraph import DygraphSession
from engine.model_folder import importing, loading
from engine.system.errors import UserError
from engine.training import loop

PADDLE_3 = int(paddle.__version__.split(".")[0]) > 2

YAML = """
runner:
  train_data_dir: data
  train_reader_path: reader
  train_batch_size: 4
  epochs: 1
  test_data_dir: data
  infer_batch_size: 3
  infer_end_epoch: 1
  print_interval: 1000
"""

READER = """
import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super().__init__()
        self.file_list = file_list

    def __iter__(self):
        for name in self.file_list:
            for line in open(name):
                *features, label = map(float, line.split())
                yield [np.array(features, "float32"), np.array([label], "int64")]
"""

DYGRAPH = """
import paddle
import paddle.nn as nn
import paddle.nn.functional as F
from paddle.static import InputSpec


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 1)

    def forward(self, features):
        return F.sigmoid(self.linear(features))


class DygraphModel:
    def create_model(self, config):
        return Net()

    def create_optimizer(self, net, config):
        return paddle.optimizer.SGD(0.1, parameters=net.parameters())

    def create_metrics(self):
        return [], []

    def train_forward(self, net, metrics, batch, config):
        features, label = batch
        guess = net(features)
        loss = F.binary_cross_entropy(guess, label.astype("float32"))
        return loss, metrics, {"loss": loss}

    def infer_forward(self, net, metrics, batch, config):
        return metrics, None
"""

STATIC = """
import paddle
import paddle.nn.functional as F


class StaticModel:
    def __init__(self, config):
        pass

    def create_feeds(self, is_infer=False):
        features = paddle.static.data("dense", [None, 3], "float32")
        return [features, paddle.static.data("label", [None, 1], "int64")]

    def net(self, inputs, is_infer=False):
        features, label = inputs
        guess = F.sigmoid(paddle.nn.Linear(3, 1)(features))
        self.inference_target_var = guess
        self.cost = F.binary_cross_entropy(guess, label.astype("float32"))
        return {"cost": self.cost}

    def create_optimizer(self, strategy=None):
        paddle.optimizer.SGD(0.1).minimize(self.cost)

    def infer_net(self, inputs):
        return self.net(inputs, is_infer=True)
"""

DECLARED = """
    def input_specs(self, config):
        return [InputSpec([None, 3], "float32", "dense")]
"""


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


def net(body, specs, more=""):
    """A DygraphModel around the body of a Layer, without training."""
    return DYGRAPH[: DYGRAPH.index("class Net")] + (
        "class Net(nn.Layer):\n"
        + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
        + "\n\n"
        + DYGRAPH[DYGRAPH.index("class DygraphModel") :]
        + f"\n    def input_specs(self, config):\n        return {specs}\n"
        + textwrap.indent(textwrap.dedent(more).strip("\n"), "    ")
        + "\n"
    )


@pytest.fixture
def export_net(write_model):
    """Saves an untrained net and exports it; returns the net, in eval mode, and its export."""

    def make(body, specs, more="", wanted="paddle", rows=0):
        config = write_model(net(body, specs, more), rows=rows)
        session = DygraphSession(config)
        root = config.runner("model_save_path")
        store.save(root, 0, "rec", {"pdparams": session.net.state_dict()}, {})
        session.start_epoch(training=False)
        return session.net, dygraph_export.export_checkpoint(config, wanted)

    return make


def assert_runs_like(net, nested, model, arrays, engines=predictor.ENGINES):
    """An export gives, on each engine, what the net gives for the same arrays."""
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


# What a model must declare


def test_a_model_that_declares_nothing_is_told_what_to_add(write_model, tmp_path):
    config = write_model()
    loop.train(DygraphSession(config), config, sources.training_source(config))
    folder = tmp_path / "own" / "output_model" / "0"
    before = sorted(folder.iterdir())
    with pytest.raises(UserError) as caught:
        dygraph_export.export_checkpoint(config)
    assert str(caught.value) == (
        f"{tmp_path / 'own'}/dygraph_model.py: to export a model, add to DygraphModel a method "
        "input_specs(self, config) that returns its net's inputs, e.g. "
        "[paddle.static.InputSpec([None, 499], 'float32', 'input')]"
    )
    assert sorted(folder.iterdir()) == before
    assert sorted(path.name for path in folder.parent.iterdir()) == ["0"]


def test_a_model_that_declares_its_inputs_is_exported(write_model, run_command, tmp_path):
    """And predicts through paddle_infer.py; outputs are numbered without output_names."""
    config = write_model(DYGRAPH + DECLARED)
    loop.train(DygraphSession(config), config, sources.training_source(config))
    model = dygraph_export.export_checkpoint(config)
    assert model.about["inputs"] == [{"name": "dense", "shape": [None, 3], "dtype": "float32"}]
    assert model.about["tasks"] == ["output_0"]
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
    assert dygraph_export.export_checkpoint(config).about["tasks"] == ["click"]


def test_more_names_than_outputs(write_model, tmp_path):
    names = "\n    def output_names(self):\n        return ['click', 'buy']\n"
    config = write_model(DYGRAPH + DECLARED + names)
    loop.train(DygraphSession(config), config, sources.training_source(config))
    folder = tmp_path / "own" / "output_model" / "0"
    before = sorted(folder.iterdir())
    with pytest.raises(UserError, match=r"the net gives 1 outputs, named are click, buy"):
        dygraph_export.export_checkpoint(config)
    assert sorted(folder.iterdir()) == before


# Shapes of nets


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


def test_several_inputs_nested_as_forward_takes_them(export_net):
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
    assert [spec["name"] for spec in model.about["inputs"]] == ["z", "b", "a"]
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


@pytest.mark.parametrize("wanted", ["paddle", "onnx"])
def test_ids_of_an_embedding(export_net, wanted):
    """Without training rows the export is checked on random ones, which must be valid ids."""
    if wanted == "onnx":
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
    net, model = export_net(body, "[InputSpec([None, 2], 'int64', 'ids')]", wanted=wanted)
    assert model.about["inputs"] == [{"name": "ids", "shape": [None, 2], "dtype": "int64"}]
    engines = ["onnxruntime"] if wanted == "onnx" else predictor.ENGINES
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
    """Under PIR they are called fetch_name_0 to fetch_name_11, and 10 sorts before 2."""
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


# Static graph


def trained_static(config):
    commands.train(config, "static")
    return model_files.find(f"{config.runner('model_save_path')}/0")


def test_a_static_model_in_paddlerecs_form_names_its_feeds(write_model, run_command, tmp_path):
    config = write_model(use_inference=True, save_inference_feed_varnames="[dense]")
    model = trained_static(config)
    assert [spec.name for spec in model.inputs] == ["dense"]
    assert [spec.name for spec in model.outputs] == ["output_0"]
    done = run_command("paddle_infer", "-m", tmp_path / "own" / "config.yaml")
    assert done.code == 0, done.stderr
    assert done.stdout.startswith("8 rows, ")


def test_automatic_names_of_a_model_in_paddlerecs_form(write_model, caplog):
    """The name that Paddle 2 gave counts by position: under PIR there are no names at all."""
    with caplog.at_level(logging.WARNING):
        model = trained_static(
            write_model(
                use_inference=True,
                save_inference_feed_varnames="[dense]",
                save_inference_fetch_varnames="[sigmoid_9.tmp_7]",
            )
        )
    assert [record.getMessage() for record in caplog.records] == [
        "runner.save_inference_fetch_varnames: sigmoid_9.tmp_7, a name that Paddle once gave by "
        "itself, is taken for output_0"
    ]
    assert [spec.name for spec in model.outputs] == ["output_0"]


def test_feeds_keep_the_models_order_whichever_way_they_are_named(write_model):
    """A reader yields its fields in that order, and both have the same shape."""
    static = (
        STATIC.replace(
            "        return [features, ",
            "        other = paddle.static.data('another', [None, 3], 'float32')\n"
            "        return [features, other, ",
        )
        .replace("features, label = inputs", "features, other, label = inputs")
        .replace("(features))", "(features * 2 - other))")
    )
    reader = READER.replace("[np.array(features", "[np.array(features, 'f'), np.array(features")
    model = trained_static(
        write_model(
            static=static,
            reader=reader,
            use_inference=True,
            save_inference_feed_varnames="[another,dense]",
        )
    )
    assert [spec.name for spec in model.inputs] == ["dense", "another"]
    runner = opening.open_predictor(model, Options())
    assert [spec.name for spec in runner.inputs] == ["dense", "another"]
    ones, zeros = np.ones([1, 3], "float32"), np.zeros([1, 3], "float32")
    found = {
        name: runner.run(arrays)[0].item()
        for name, arrays in (
            ("both", [ones, ones * 2]),
            ("none", [zeros, zeros]),
            ("dense", [ones, zeros]),
        )
    }
    assert found["both"] == pytest.approx(found["none"], abs=1e-6)
    assert found["dense"] != pytest.approx(found["none"], abs=1e-3)


def test_a_static_model_that_declares_nothing_must_name_its_feeds(write_model, tmp_path):
    with pytest.raises(UserError) as caught:
        commands.open_training(write_model(use_inference=True), "static")
    assert str(caught.value) == (
        f"{tmp_path / 'own'}/config.yaml: runner.use_inference = True needs "
        "runner.save_inference_feed_varnames for a model that declares no input_specs and "
        "output_names"
    )


def test_a_label_as_a_feed(write_model, tmp_path):
    """No prediction is computed from it; nothing of the failed epoch stays."""
    config = write_model(use_inference=True, save_inference_feed_varnames="[dense,label]")
    with pytest.raises(UserError, match=r"runner.save_inference_feed_varnames = .*label"):
        trained_static(config)
    assert not (tmp_path / "own" / "output_model").exists()


def test_a_static_model_without_a_target(write_model, tmp_path):
    static = STATIC.replace("        self.inference_target_var = guess\n", "")
    assert static != STATIC
    feeds = {"use_inference": True, "save_inference_feed_varnames": "[dense]"}
    if PADDLE_3:
        with pytest.raises(UserError) as caught:
            commands.open_training(write_model(static=static, **feeds), "static")
        assert str(caught.value) == (
            f"{tmp_path / 'own'}/static_model.py: under Paddle 3 variables have no names to be "
            "fetched by: to export it, set self.inference_target_var in infer_net"
        )
        return
    config = write_model(static=static, save_inference_fetch_varnames="[sigmoid_0.tmp_0]", **feeds)
    model = trained_static(config)
    assert [spec.name for spec in model.outputs] == ["sigmoid_0.tmp_0"]


# The command line


def test_to_static_of_a_model_that_declares_nothing(write_model, run_command, tmp_path):
    config = write_model()
    loop.train(DygraphSession(config), config, sources.training_source(config))
    done = run_command("to_static", "-m", tmp_path / "own" / "config.yaml")
    assert done.code == 2
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert "to export a model, add to DygraphModel a method input_specs" in error
    assert "Traceback" not in done.stderr
