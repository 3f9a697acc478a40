"""Evaluation during training and moving averages for folders written for PaddleRec."""

import re

import numpy as np
import pytest

from engine.checkpoints import formats

GRAPHS = {"": "rec", "static_": "rec_static"}


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("name", ["multitask/aitm", "rank/deepfm"])
def test_validation_and_averages_do_not_change_training(stand_in, run_command, lines, graph, name):
    folder, prefix = stand_in(name), GRAPHS[graph]
    command = f"{graph}trainer" if graph else "trainer"
    logs, saved = [], []
    controls = [f"runner.valid_data_dir={folder / 'data' / 'test'}", "runner.valid_interval=2"]
    for place, more in (("plain", []), ("valid", controls), ("both", ["runner.ema_decay=0.5"])):
        more = [*more, *(controls if place == "both" else [])]
        out = folder / place
        options = ["runner.epochs=1", f"runner.model_save_path={out}", *more]
        done = run_command(command, "-m", folder / "config.yaml", "-o", *options)
        assert done.code == 0, done.stderr
        logs.append(done.stderr)
        saved.append(formats.read(f"{out}/0/{prefix}.pdparams"))
    for key, value in saved[0].items():
        np.testing.assert_array_equal(saved[1][key], value, err_msg=key)
    kept = formats.read(f"{folder / 'both'}/0/{prefix}.pdema")
    own = {key[10:]: value for key, value in kept.items() if key.startswith("parameter.")}
    assert own
    for key, value in own.items():
        np.testing.assert_array_equal(saved[0][key], value, err_msg=key)
    found = re.findall(r"INFO - valid: epoch: 0, batch_id: (\d+), (.*), valid time", logs[1])
    assert len(found) >= 2
    if name == "multitask/aitm" and graph:
        return  # its infer_net drops outputs at random, from another state here than there
    root = f"runner.infer_load_path={folder / 'valid'}"
    end = ["runner.infer_end_epoch=1", "runner.infer_start_epoch=0"]
    done = run_command(f"{graph}infer", "-m", folder / "config.yaml", "-o", root, *end)
    assert done.code == 0, done.stderr
    told = re.search(r"epoch: 0 done, (.*), epoch time", done.stderr)
    assert told[1] == found[-1][1]
    assert found[-1][1] != re.findall(r"INFO - valid: .*?, .*?, (.*), valid", logs[2])[-1]


def test_validation_needs_a_model_with_metrics(stand_in, run_command):
    folder = stand_in("recall/ncf")
    rows = f"runner.valid_data_dir={folder / 'data' / 'test'}"
    done = run_command("trainer", "-m", folder / "config.yaml", "-o", rows)
    assert done.code == 2
    last = done.stderr.splitlines()[-1]
    assert last.endswith("the model has no metric to select the best evaluation by")
    assert "batch_id" not in done.stderr
