"""Scripts of a folder's own, which import PaddleRec's utils: they train as the commands do."""

import runpy
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle.utils import unique_name
from test_data_folders import assert_same, edit

from engine.checkpoints import formats
from engine.model_folder.loading import REPOSITORY
from engine.model_folder.pir_functions import fresh_names
from engine.system.errors import UserError
from utils import save_load, utils_single


@pytest.fixture
def script(capfd, monkeypatch, caplog):
    """Runs a script of a folder as ``__main__``; returns its log."""

    def run(path, *arguments):
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        caplog.clear()
        caplog.set_level("INFO")
        with unique_name.guard():
            runpy.run_path(str(path), run_name="__main__")
        return caplog.text + capfd.readouterr().out

    path = sys.path[:]
    yield run
    sys.path[:] = path


def saved(folder, prefix):
    parts = ("pdparams", "pdopt")
    return [formats.read(str(folder / "1" / f"{prefix}.{part}")) for part in parts]


def test_a_dygraph_script_takes_the_steps_of_the_trainer(stand_in, script, run_command, lines):
    folder = stand_in("rank/dnn")
    yaml = folder / "config.yaml"
    edit(yaml, ('"output_model_dnn"', f'"{folder / "out"}"'))
    trained = lines(script(folder / "train_alone.py", "-m", yaml))["done"]
    found = saved(folder / "out", "rec")
    inferred = lines(script(folder / "train_alone.py", "-m", yaml, "--infer"))["done"]
    done = run_command("infer", "-m", yaml)
    assert done.code == 0, done.stderr
    for ours, theirs in zip(lines(done.log)["done"], inferred):
        assert ours["auc"] == theirs["auc"]
    done = run_command("trainer", "-m", yaml, "-o", "runner.overwrite=True")
    assert done.code == 0, done.stderr
    assert lines(done.log)["done"][-1]["auc"] == trained[-1]["auc"]
    for mine, expected in zip(found, saved(folder / "out", "rec")):
        assert_same(flat(mine), flat(expected))


@contextmanager
def separate_programs():
    """Programs, names and a scope as a new process has them."""
    paddle.enable_static()  # names are numbered anew for a static program only
    programs = paddle.static.Program(), paddle.static.Program()
    scope = paddle.static.scope_guard(paddle.static.Scope())
    with paddle.static.program_guard(*programs), fresh_names(), scope:
        yield


def flat(state):
    """Returns the arrays of an optimizer's state too."""
    return {name: value for name, value in state.items() if isinstance(value, np.ndarray)}


def test_a_static_script_takes_the_steps_of_the_trainer(stand_in, script, run_command, lines):
    """In a process of its own: the script reaches the functions from the root alone."""
    folder = stand_in("rank/dnn")
    yaml = folder / "config.yaml"
    edit(yaml, ('"output_model_dnn"', f'"{folder / "out"}"'))
    (folder.parents[2] / "tools").symlink_to(Path(REPOSITORY) / "tools")
    command = [sys.executable, folder / "static_train_alone.py", yaml]
    printed = subprocess.run(command, capture_output=True, text=True)
    assert printed.returncode == 0, printed.stderr
    found = saved(folder / "out", "rec_static")
    with separate_programs():
        inferred = lines(script(folder / "static_train_alone.py", yaml, "infer"))["done"]
    done = run_command("static_infer", "-m", yaml)
    assert done.code == 0, done.stderr
    ours = lines(done.log)["done"]
    assert [each["auc"] for each in ours] == [each["auc"] for each in inferred]
    done = run_command("static_trainer", "-m", yaml, "-o", "runner.overwrite=True")
    assert done.code == 0, done.stderr
    ours, theirs = lines(done.log)["done"], lines(printed.stdout)["done"]
    assert [each["auc"] for each in ours] == [each["auc"] for each in theirs]
    for mine, expected in zip(found, saved(folder / "out", "rec_static")):
        assert_same(flat(mine), flat(expected))


def test_a_yaml_is_flat(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("runner: {epochs: 2}\nhyper_parameters: {optimizer: {rate: 0.1}}\nx: {y: 1}\n")
    assert utils_single.load_yaml(str(path)) == {
        "runner.epochs": 2,
        "hyper_parameters.optimizer.rate": 0.1,
    }
    assert utils_single.load_yaml(str(path), ["x"])["x.y"] == 1
    assert utils_single.get_all_inters_from_yaml(str(path), ["x"]) == {"x.y": 1}
    assert utils_single.get_abs_model(str(path)) == str(path)
    with pytest.raises(UserError, match="there is no configuration"):
        utils_single.get_abs_model(str(tmp_path / "config.yml"))


def test_an_exported_net_computes_the_same(tmp_path):
    net = paddle.nn.Linear(3, 2)
    x = paddle.to_tensor(np.arange(6, dtype="float32").reshape(2, 3))
    spec = [paddle.static.InputSpec([None, 3], "float32", "x")]
    save_load.save_jit_model(
        paddle.jit.to_static(net, input_spec=spec, full_graph=True), str(tmp_path)
    )
    found = paddle.jit.load(str(tmp_path / "tostatic"))(x)
    expected = x.numpy() @ net.weight.numpy() + net.bias.numpy()
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_an_exported_program_computes_the_same(tmp_path):
    paddle.enable_static()
    x = np.arange(6, dtype="float32").reshape(2, 3)
    with separate_programs():
        feed = paddle.static.data("x", [None, 3], "float32")
        net = paddle.nn.Linear(3, 2)
        fetch = net(feed)
        executor = paddle.static.Executor(paddle.CPUPlace())
        executor.run(paddle.static.default_startup_program())
        save_load.save_inference_model(str(tmp_path), 3, [feed], [fetch], executor)
        scope = paddle.static.global_scope()
        weight, bias = (
            np.array(scope.find_var(each.name).get_tensor()) for each in net.parameters()
        )
        stem = str(tmp_path / "3" / "rec_inference")
        program, names, targets = paddle.static.load_inference_model(stem, executor)
        (found,) = executor.run(program, feed={names[0]: x}, fetch_list=targets)
    np.testing.assert_allclose(found, x @ weight + bias, rtol=1e-6)


def test_a_checkpoint_that_does_not_fit(tmp_path):
    net = paddle.nn.Linear(3, 2)
    optimizer = paddle.optimizer.SGD(parameters=net.parameters())
    save_load.save_model(net, optimizer, str(tmp_path), "last", prefix="mine")
    folder = str(tmp_path / "last")
    other = paddle.nn.Linear(3, 2)
    save_load.load_model(folder, other, prefix="mine")
    np.testing.assert_array_equal(other.weight.numpy(), net.weight.numpy())
    with pytest.raises(UserError, match=r"weight has shape \(3, 2\) there, \(3, 4\) here"):
        save_load.load_model(folder, paddle.nn.Linear(3, 4), prefix="mine")
    with pytest.raises(UserError, match="there is no checkpoint"):
        save_load.load_model(folder, net)


def test_batches_need_the_folder():
    with pytest.raises(UserError, match=r'config\["config_abs_dir"\] is not set'):
        utils_single.create_data_loader({"runner.train_data_dir": "data"})
