"""Trials that every net must pass on any data: of both graphs, of resuming and of exports.

``make(*options)`` returns a configuration whose ``runner.model_save_path`` is the test's own.
"""

import importlib.util
import os

import numpy as np
import paddle

from engine import commands
from engine.checkpoints import find, store
from engine.data import sources
from engine.deployment.exported_model import model_files
from engine.deployment.predictors import opening
from engine.deployment.predictors.predictor import Options
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.system.clock import Clock
from engine.training import loop, resume

STEPS = 20


def training_session(config, graph):
    return DygraphSession(config) if graph == "dygraph" else StaticSession(config, training=True)


def losses(session, source, steps=STEPS):
    """Trains and returns the loss of each step."""
    session.start_epoch(training=True)
    found = []
    for batch, _ in session.batches(source, 0):
        found.append(float(np.asarray(session.train_step(batch, Clock())["loss"]).item()))
        if len(found) == steps:
            break
    return np.array(found)


def losses_from_one_start(make, folder, variants):
    """Returns the losses of trainings from the same parameters.

    Args:
        make: returns configurations.
        folder: an empty folder of the test.
        variants: for each training its graph and its options.
    """
    first = make()
    session = DygraphSession(first)
    session.fit_inputs(sources.training_source(first))
    store.save(str(folder), 0, "rec", {"pdparams": session.state()["pdparams"]}, {})
    (folder / "0").rename(folder / "init")
    found = []
    for graph, options in variants:
        config = make(f"runner.model_init_path={folder / 'init'}", *options)
        source = sources.training_source(config)
        session = training_session(config, graph)
        resume.start(session, config, source)
        found.append(losses(session, source))
    return found


def resumed_and_whole(make, graph):
    """Returns the state of a training that was resumed, and of one that was not."""

    def trained(root, *options):
        config = make(f"runner.model_save_path={root}", *options)
        session = training_session(config, graph)
        loop.train(session, config, sources.training_source(config))
        state = session.state()
        state["pdopt"].pop("LR_Scheduler", None)
        both = {**state["pdparams"], **state["pdopt"]}
        return {name: np.asarray(value) for name, value in both.items()}

    root = make().runner("model_save_path")
    whole = trained(f"{root}-whole", "runner.epochs=2")
    trained(f"{root}-parts", "runner.epochs=1")
    return trained(f"{root}-parts", "runner.epochs=2", "runner.resume=True"), whole


def assert_equal_states(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def exported_outputs(make):
    """Trains an epoch; yields how the net is deployed, its outputs by task, and the eager net's.

    The rows are those of the test set, in batches of 7.
    """
    config = make("runner.epochs=1", "runner.infer_end_epoch=1")
    loop.train(DygraphSession(config), config, sources.training_source(config))
    session = DygraphSession(config)
    session.load(*find.parameters(f"{config.runner('model_save_path')}/0", "rec"))
    session.start_epoch(training=False)
    blocks = list(sources.evaluation_source(config).blocks())
    inputs = len(session.input_specs())
    arrays = [np.concatenate([block[place] for block in blocks]) for place in range(inputs)]
    with paddle.no_grad():
        outputs = [output.numpy() for output in session.net(*map(paddle.to_tensor, arrays))]
    eager = dict(zip(session.output_names(), outputs))
    has_onnx = all(map(importlib.util.find_spec, ("onnx", "paddle2onnx", "onnxruntime")))
    model = commands.export(config, "onnx" if has_onnx else "paddle")
    for engine in ("paddle", "onnxruntime") if has_onnx else ("paddle",):
        paddle_model = model_files.find(os.path.dirname(model.prefix), engine=engine)
        runner = opening.open_predictor(paddle_model, Options(engine=engine))
        parts = [runner.run([a[at : at + 7] for a in arrays]) for at in range(0, len(arrays[0]), 7)]
        joined = [np.concatenate(part) for part in zip(*parts)]
        yield engine, dict(zip(session.output_names(), joined)), eager
