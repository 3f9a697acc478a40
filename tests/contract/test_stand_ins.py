"""Every folder written for PaddleRec trains and evaluates as in PaddleRec's loop."""

import numpy as np
import paddle
import paddlerec_loop
import pytest
import tiny_data

from engine.checkpoints import formats
from engine.config.load import load_config
from engine.model_folder import loading

PADDLE_3 = int(paddle.__version__.split(".")[0]) > 2

names = pytest.mark.parametrize("name", tiny_data.FORMATS)


def assert_ran(done):
    assert done.code == 0, done.stderr
    assert "Traceback" not in done.stderr


def assert_values(found, expected):
    """Checks that the log shows the values to its six digits."""
    for name, value in expected.items():
        if np.size(value) == 1:
            assert found[name] == pytest.approx(np.asarray(value).item(), abs=2e-6), name


@names
def test_dygraph_equals_paddlerecs_loop(stand_in, run_command, lines, name):
    folder = stand_in(name)
    yaml = folder / "config.yaml"
    done = run_command("trainer", "-m", yaml)
    assert_ran(done)
    shown = lines(done.log)
    config = load_config(str(yaml), [], loading.hyper_parameters)
    model, net, epochs = paddlerec_loop.train_dygraph(config)
    root = config.runner("model_save_path")
    for epoch, (state, scores, printed) in enumerate(epochs):
        saved = formats.read(f"{root}/{epoch}/rec.pdparams")
        saved.pop("StructuredToParameterName@@", None)
        assert saved.keys() == state.keys()
        for key, value in state.items():
            np.testing.assert_allclose(saved[key], value, rtol=1e-6, atol=1e-7, err_msg=key)
        assert_values(shown["done"][epoch], {**printed, **scores})
    done = run_command("infer", "-m", yaml)
    assert_ran(done)
    if config.runner("infer_end_epoch") == len(epochs):
        scores, printed = paddlerec_loop.infer_dygraph(config, model, net)
        assert_values(lines(done.log)["done"][-1], {**printed, **scores})
        assert len(scores) == len(model.create_metrics()[1])


@names
def test_static_graph_equals_paddlerecs_loop(stand_in, run_command, lines, name):
    folder = stand_in(name)
    yaml = folder / "config.yaml"
    done = run_command("static_trainer", "-m", yaml, "-o", "runner.epochs=1")
    assert_ran(done)
    shown = lines(done.log)
    config = load_config(str(yaml), ["runner.epochs=1"], loading.hyper_parameters)
    fetched, state = paddlerec_loop.train_static(config)
    saved = formats.read(f"{config.runner('model_save_path')}/0/rec_static.pdparams")
    state = {key: value for key, value in state.items() if not key.startswith("learning_rate")}
    assert saved.keys() == state.keys()
    for key, value in state.items():
        np.testing.assert_allclose(saved[key], value, rtol=1e-6, atol=1e-7, err_msg=key)
    assert_values(shown["done"][0], fetched)
    done = run_command(
        "static_infer", "-m", yaml, "-o", "runner.infer_start_epoch=0", "runner.infer_end_epoch=1"
    )
    assert_ran(done)
    assert len(lines(done.log)["done"]) == 1
