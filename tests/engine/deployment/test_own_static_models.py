"""Exports of static models in PaddleRec's form: the names of their feeds and fetches."""

import logging

import numpy as np
import paddle
import pytest
from own_model_texts import READER, STATIC

from engine import commands
from engine.deployment.exported_model import model_files
from engine.deployment.predictors import opening
from engine.deployment.predictors.predictor import Options
from engine.system.errors import UserError

PADDLE_3 = int(paddle.__version__.split(".")[0]) > 2


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


def test_generated_names_of_a_model_in_paddlerecs_form(write_model, caplog):
    """They are matched by position, because PIR keeps no names."""
    with caplog.at_level(logging.WARNING):
        model = trained_static(
            write_model(
                use_inference=True,
                save_inference_feed_varnames="[dense]",
                save_inference_fetch_varnames="[sigmoid_9.tmp_7]",
            )
        )
    assert [record.getMessage() for record in caplog.records] == [
        "runner.save_inference_fetch_varnames: sigmoid_9.tmp_7 is a name that Paddle 2 generated; "
        "using output_0 by position"
    ]
    assert [spec.name for spec in model.outputs] == ["output_0"]


def test_feeds_keep_the_models_order(write_model):
    """The reader yields its fields in that order."""
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


def test_a_static_model_without_input_specs_must_name_its_feeds(write_model, tmp_path):
    with pytest.raises(UserError) as caught:
        commands.open_training(write_model(use_inference=True), "static")
    assert str(caught.value) == (
        f"{tmp_path / 'own'}/config.yaml: runner.use_inference = True needs "
        "runner.save_inference_feed_varnames for a model that declares no input_specs and "
        "output_names"
    )


def test_a_label_as_a_feed(write_model, tmp_path):
    """No prediction depends on it; the failed epoch leaves no files."""
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
            f"{tmp_path / 'own'}/static_model.py: Paddle 3 cannot fetch variables by name; "
            "set self.inference_target_var in infer_net to export this model"
        )
        return
    config = write_model(static=static, save_inference_fetch_varnames="[sigmoid_0.tmp_0]", **feeds)
    model = trained_static(config)
    assert [spec.name for spec in model.outputs] == ["sigmoid_0.tmp_0"]
