"""`runner.checkpoint_format: safetensors`: the same checkpoints in files without pickles."""

import importlib.util
import os

import numpy as np
import paddle
import pytest

from engine.checkpoints import formats, layout

pytest.importorskip("safetensors")

PREFIX = {"trainer": "rec", "static_trainer": "rec_static"}
SAFE = "runner.checkpoint_format=safetensors"


@pytest.fixture
def run(run_command, model, tmp_path):
    """Runs a command on the model with checkpoints in a folder of the test."""

    def run_one(name, output, *options):
        folder = tmp_path / output
        settings = [f"runner.model_save_path={folder}", f"runner.infer_load_path={folder}"]
        done = run_command(name, "-m", model / "config.yaml", "-o", *settings, *options)
        assert done.code == 0, done.stderr
        return folder, done

    return run_one


def state(folder, prefix):
    found = {part: layout.path_of(str(folder), prefix, part) for part in ("pdparams", "pdopt")}
    return {part: formats.read(path) for part, path in found.items()}


def assert_same(one, two):
    assert one.keys() == two.keys()
    for name, value in one.items():
        if isinstance(value, dict):
            assert_same(value, two[name])
        else:
            np.testing.assert_array_equal(value, two[name], err_msg=name)


@pytest.mark.parametrize("name", PREFIX)
def test_a_resumed_run_is_bit_identical(run, name):
    """Also if the format changes."""
    prefix, epochs = PREFIX[name], "runner.epochs=3"
    dropout = "hyper_parameters.dropout=0.1"
    reference, _ = run(name, "reference", epochs, dropout)
    parts, _ = run(name, "parts", "runner.epochs=1", dropout, SAFE)
    assert sorted(os.listdir(parts / "0")) == [
        f"{prefix}.json",
        f"{prefix}.opt.safetensors",
        f"{prefix}.safetensors",
    ]
    assert_same(state(parts / "0", prefix), state(reference / "0", prefix))
    run(name, "parts", "runner.epochs=2", dropout, "runner.resume=True", SAFE)
    run(name, "parts", epochs, dropout, "runner.resume=True")
    assert sorted(os.listdir(parts / "2")) == sorted(os.listdir(reference / "2"))
    assert_same(state(parts / "2", prefix), state(reference / "2", prefix))
    anew = ("runner.epochs=1", "runner.overwrite=True")
    run(name, "parts", *anew, dropout)  # anew: nothing of the old one stays
    assert not [name for name in os.listdir(parts / "0") if name.endswith(".safetensors")]


def test_everything_that_reads_checkpoints_reads_them(run, tmp_path):
    """Evaluation in either graph, a warm start and an export; metrics are those of `.pdparams`."""
    run("trainer", "plain", "runner.epochs=1")
    safe, _ = run("trainer", "safe", "runner.epochs=1", SAFE)
    one_epoch = "runner.infer_end_epoch=1"

    def metrics(name, output):
        _, done = run(name, output, one_epoch)
        (line,) = [line for line in done.log.splitlines() if "epoch: 0 done" in line]
        return line.split(" - ")[-1].split(", epoch time")[0]

    for name in ("infer", "static_infer"):
        assert metrics(name, "safe") == metrics(name, "plain")
    _, done = run("trainer", "warm", "runner.epochs=1", f"runner.model_init_path={safe / '0'}")
    assert "9 of 9 parameters loaded" in done.stderr
    run("to_static", "safe", one_epoch)
    assert "tostatic.meta.json" in os.listdir(safe / "0")
    run("static_trainer", "static", "runner.epochs=1", "runner.use_inference=True", SAFE)
    assert "rec_inference.meta.json" in os.listdir(tmp_path / "static" / "0")


def test_nested_optimizer_states_and_all_dtypes(tmp_path):
    net = paddle.nn.Linear(2, 3)
    rate = paddle.optimizer.lr.StepDecay(0.1, 3)
    adam = paddle.optimizer.Adam(rate, parameters=net.parameters(), multi_precision=True)
    net(paddle.ones([1, 2])).sum().backward()
    adam.step()
    content = {
        **adam.state_dict(),
        "master_weights": {"a/b": np.ones(2, "f4"), "none": np.zeros((0, 2), "f4")},
        "LR_Scheduler": {"last_lr": np.float64(0.1), "milestones": [1, 2], "last_epoch": 3},
        "half": np.ones(2, "f2"),
        "number": np.array(3, "i8"),
        "strided": np.arange(6, dtype="f4").reshape(2, 3).T,
    }
    paddle.save(content, str(tmp_path / "x.pdopt"))
    formats.write(str(tmp_path / "x.safetensors"), content)
    read = formats.read(str(tmp_path / "x.safetensors"))
    assert_same(read, formats.read(str(tmp_path / "x.pdopt")))


def test_files_of_another_tool(tmp_path):
    from safetensors.numpy import save_file

    path = str(tmp_path / "rec.safetensors")
    save_file({"linear/weight": np.ones((2, 2), "f4")}, path)
    assert formats.read(path)["linear/weight"].tolist() == [[1, 1], [1, 1]]


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "rec.safetensors"
    formats.write(str(path), {"w": np.ones(100, "f4")})
    content = path.read_bytes()
    for number in range(0, len(content), 7):
        path.write_bytes(content[:number])
        with pytest.raises(formats.UserError, match=r"rec\.safetensors is damaged"):
            formats.read(str(path))


def test_without_the_package_the_error_names_it(run_command, model, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: name != "safetensors" and find(name, *more)
    )
    output = f"runner.model_save_path={tmp_path / 'out'}"
    done = run_command("trainer", "-m", model / "config.yaml", "-o", SAFE, output)
    assert (done.code, done.stderr.splitlines()[-1]) == (
        2,
        "error: runner.checkpoint_format = safetensors needs safetensors: pip install safetensors",
    )
    assert not (tmp_path / "out").exists()
