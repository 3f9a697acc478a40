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
        logs.append(done.log)
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
    told = re.search(r"epoch: 0 done, (.*), epoch time", done.log)
    assert told[1].startswith(found[-1][1])  # a dygraph epoch's line also has what the model shows
    assert found[-1][1] != re.findall(r"INFO - valid: .*?, .*?, (.*), valid", logs[2])[-1]


def test_validation_needs_a_model_with_metrics(stand_in, run_command):
    folder = stand_in("recall/ncf")
    rows = f"runner.valid_data_dir={folder / 'data' / 'test'}"
    done = run_command("trainer", "-m", folder / "config.yaml", "-o", rows)
    assert done.code == 2
    last = done.stderr.splitlines()[-1]
    assert last.endswith("the model has no metric to select the best evaluation by")
    assert "batch_id" not in done.stderr


SHOWN = {  # the model shows its click loss when it evaluates
    "dygraph_model.py": (
        "        self.run(dy_model, metrics_list, batch_data, config)\n"
        "        return metrics_list, None",
        "        outs, click, _ = self.run(dy_model, metrics_list, batch_data, config)\n"
        "        return metrics_list, {'cost': F.binary_cross_entropy(outs[0], click)}",
    ),
    "static_model.py": (
        "        if is_infer:\n",
        "        if is_infer:\n"
        "            click = paddle.cast(click, 'float32')\n"
        "            fetch_dict['cost'] = F.binary_cross_entropy(outs[0], click)\n",
    ),
}


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_loss_that_the_model_shows_is_averaged_over_all_rows(stand_in, run_command, graph):
    """Batches of 7 rows, the last one smaller, have the mean of one batch of all rows."""
    folder = stand_in("multitask/escm2")
    for name, (old, new) in SHOWN.items():
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))
    command = f"{graph}trainer" if graph else "trainer"
    found = []
    for size in (7, 1000):
        options = [f"runner.valid_data_dir={folder / 'data' / 'test'}", "runner.epochs=1"]
        options += ["runner.valid_metric=cost", f"runner.infer_batch_size={size}"]
        done = run_command(
            command, "-m", folder / "config.yaml", "-o", f"runner.model_save_path={size}", *options
        )
        assert done.code == 0, done.stderr
        found.append(float(re.search(r"INFO - valid: .* cost: ([\d.]+), valid", done.log)[1]))
        assert f"best evaluation: cost = {found[-1]:.6f} in epoch 0" in done.log
    assert found[0] == pytest.approx(found[1], abs=2e-6)


def test_a_loss_that_the_model_does_not_show_ends_the_run_after_it_is_saved(stand_in, run_command):
    folder = stand_in("multitask/escm2")
    options = [f"runner.valid_data_dir={folder / 'data' / 'test'}", "runner.valid_metric=loss"]
    out = folder / "out"
    done = run_command(
        "trainer", "-m", folder / "config.yaml", "-o", f"runner.model_save_path={out}", *options
    )
    assert done.code == 2
    last = done.stderr.splitlines()[-1]
    assert "'loss': expected one of mean, auc_ctr, auc_cvr, auc_ctcvr, loss, logloss_<" in last
    assert last.endswith(f"saved {out}/0; runner.resume=True continues there")
    assert (out / "0" / "rec.pdparams").is_file()
