"""Pickled checkpoints are read without running code that they name."""

import collections
import io
import os
import pickle
import random
import re
import subprocess
import sys

import numpy as np
import paddle
import pytest

from engine.checkpoints import formats, safe_pickle
from engine.model_folder import loading
from engine.system.errors import UserError


class Runs:
    """Calls a function when its pickle is loaded."""

    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


def written(path, content, protocol=4):
    with open(path, "wb") as file:
        pickle.dump(content, file, protocol=protocol)
    return str(path)


def attacks(mark):
    """Yields malicious contents, which create a file when they are unpickled."""
    numpy = np.ones(2, "f4")
    yield "os.system", {"a": numpy, "b": Runs(os.system, f"touch {mark}")}
    yield "builtins.exec", Runs(exec, f"open({str(mark)!r}, 'w')")
    yield "builtins.eval", {"LR_Scheduler": Runs(eval, f"open({str(mark)!r}, 'w').close() or 1")}
    yield "subprocess.Popen", [Runs(subprocess.Popen, ["touch", str(mark)])]
    yield "builtins.getattr", Runs(getattr, os, "system")
    yield "numpy.load", {"a": Runs(np.load, str(mark), None, True)}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("number", range(6))
def test_code_that_a_foreign_checkpoint_names_is_not_run(tmp_path, number, protocol):
    mark = tmp_path / "mark"
    name, content = list(attacks(mark))[number]
    if name == "builtins.getattr":
        content = Runs(getattr, "text", "upper")
    path = written(tmp_path / "rec.pdparams", content, protocol)
    with pytest.raises(UserError) as caught:
        formats.read(path)
    function = name.split(".")[-1]  # a protocol of Python 2 has other names for modules
    assert re.fullmatch(
        rf"{re.escape(path)} contains more than arrays: it names \S+\.{function}, which was not "
        "run; a checkpoint from Paddle names only arrays",
        str(caught.value),
    )
    assert not mark.exists()


def test_the_attacks_work_in_paddle_load(tmp_path):
    """Without this, the test above would prove nothing."""
    for _, content in list(attacks(tmp_path / "mark"))[:3]:
        paddle.load(written(tmp_path / "x", content))
        assert (tmp_path / "mark").exists()
        (tmp_path / "mark").unlink()


@pytest.mark.parametrize("name", ["trainer", "infer", "to_static"])
def test_the_commands_do_not_run_the_code(run_command, tmp_path, name):
    mark = tmp_path / "mark"
    (tmp_path / "out" / "0").mkdir(parents=True)
    path = tmp_path / "out" / "0" / "rec.pdparams"
    written(path, {"a": Runs(os.system, f"touch {mark}")})
    yaml = os.path.join(loading.REPOSITORY, "models", "multitask", "mmoe", "config.yaml")
    options = [f"runner.infer_load_path={tmp_path / 'out'}", "runner.infer_end_epoch=1"]
    options.append(f"runner.model_save_path={tmp_path / 'saved'}")
    if name == "trainer":
        options.append(f"runner.model_init_path={path.parent}")
    done = run_command(name, "-m", yaml, "-o", *options)
    assert done.code == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"error: {path} contains more than arrays: ")
    assert not mark.exists()


def test_forged_states_are_refused(tmp_path):
    """A pickled state can set attributes of any object; here, of a function."""
    body = b"\x80\x02c_codecs\nencode\n}X\x0c\x00\x00\x00__defaults__K\x01sb."
    with pytest.raises(pickle.UnpicklingError, match="found that of a function"):
        safe_pickle.load(io.BytesIO(body))
    forged = np.array([{}], object)  # NumPy would treat its bytes as pointers
    path = written(tmp_path / "x.pdparams", {"a": forged})
    with pytest.raises(
        UserError, match=r"is damaged: UnpicklingError: expected a dtype of numbers, found 'O8'"
    ):
        formats.read(path)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_the_content_is_the_same_as_with_paddle_load(tmp_path, protocol):
    net = paddle.nn.Sequential(paddle.nn.Linear(3, 4), paddle.nn.BatchNorm1D(4))
    schedule = paddle.optimizer.lr.StepDecay(0.1, 3)
    adam = paddle.optimizer.Adam(schedule, parameters=net.parameters())
    net(paddle.rand([5, 3])).sum().backward()
    adam.step()
    contents = {
        "net": net.state_dict(),
        "adam": adam.state_dict(),
        "arrays": {
            "by_column": np.asfortranarray(np.arange(6, dtype="f4").reshape(2, 3)),
            "empty": np.zeros((0, 3), "f8"),
            "number": np.array(3, "i8"),
            "big_endian": np.arange(3, dtype=">i4"),
            "truth": np.array([True, False]),
            "half": np.ones(2, "f2"),
        },
        "rest": collections.OrderedDict(
            LR_Scheduler={"last_lr": np.float64(0.5), "milestones": [1, 2], "none": None}
        ),
        "nested": {"master_weights": {"w": paddle.ones([2])}},
    }
    for name, content in contents.items():
        path = str(tmp_path / f"{name}.pdparams")
        if protocol < 5:
            paddle.save(content, path, protocol=protocol)
        elif name in ("arrays", "rest"):
            written(path, content, 5)
        else:
            continue
        assert_same(formats.read(path), paddle.load(path, return_numpy=True))


def assert_same(content, expected):
    if isinstance(expected, dict):
        assert content.keys() == expected.keys()
        for key, value in expected.items():
            assert_same(content[key], value)
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(content, expected)
        assert content.dtype == expected.dtype.newbyteorder("=")
        assert content.shape == expected.shape
    else:
        assert content == expected
        assert type(content) is type(expected)


def test_every_damaged_file_is_an_error_of_one_line(tmp_path):
    """Files cut anywhere, or with one byte changed, are refused or still contain arrays."""
    content = {"w": np.arange(40, dtype="f4"), "s": {"rate": np.float64(1.0), "n": [1, "a"]}}
    written(tmp_path / "intact", content)
    intact, path = (tmp_path / "intact").read_bytes(), tmp_path / "rec.pdparams"
    rng = random.Random(0)
    refused = 0
    for number in range(len(intact) + 2000):
        if number < len(intact):
            damaged = intact[:number]
        else:
            place = rng.randrange(len(intact))
            damaged = intact[:place] + bytes([rng.randrange(256)]) + intact[place + 1 :]
        path.write_bytes(damaged)
        try:
            assert isinstance(formats.read(str(path)), dict)
        except UserError:  # any other error fails
            refused += 1
    assert refused > len(intact)


def test_npz_files_with_pickles_are_refused(tmp_path):
    path = tmp_path / "rec.progress.npz"
    with open(path, "wb") as file:
        np.savez(file, a=np.array([Runs(os.system, f"touch {tmp_path / 'mark'}")], object))
    with pytest.raises(UserError, match=r"rec\.progress\.npz is damaged: .*allow_pickle"):
        formats.read(str(path))
    assert not (tmp_path / "mark").exists()


def test_reading_needs_no_more_memory_than_the_file():
    """Forged sizes of 1 TiB are refused, in a process that is limited to 8 GiB."""
    code = """
import io, resource, sys
sys.path.insert(0, sys.argv[1])
from engine.checkpoints import safe_pickle
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
for opcode in (b"\\x8e", b"\\x8d", b"\\x96"):
    try:
        safe_pickle.load(io.BytesIO(b"\\x80\\x05" + opcode + (1 << 40).to_bytes(8, "little")))
    except Exception as error:
        print(type(error).__name__)
"""
    tools = os.path.join(loading.REPOSITORY, "tools")
    done = subprocess.run([sys.executable, "-c", code, tools], capture_output=True, text=True)
    assert len(done.stdout.split()) == 3, done.stderr
    assert set(done.stdout.split()) <= {"EOFError", "UnpicklingError"}


def test_a_few_bytes_that_expand_to_many_values(tmp_path):
    doubled = ()
    for _ in range(50):
        doubled = (doubled, doubled)
    path = written(tmp_path / "rec.pdparams", {"x": doubled})
    assert os.path.getsize(path) < 1000
    with pytest.raises(UserError, match="expected at most 100000 values, found more"):
        formats.read(path)


@pytest.mark.parametrize("rest", ["[]", "1", "null", '"a"'])
def test_metadata_of_safetensors_must_be_a_mapping(tmp_path, rest):
    from safetensors.numpy import save_file

    path = str(tmp_path / "rec.safetensors")
    save_file({}, path, metadata={"rest": rest})
    with pytest.raises(UserError, match="is damaged: ValueError: expected metadata with a "):
        formats.read(path)
