"""A checkpoint that cannot be saved is one error line, and earlier checkpoints do not change."""

import ctypes
import hashlib
import os
import resource
import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest

from engine.checkpoints import find
from engine.model_folder import loading

PREFIX = {"trainer": "rec", "static_trainer": "rec_static"}


@pytest.fixture
def train(command, model):
    """Runs a trainer in this process; returns its exit code and its last line."""

    def run(name, *settings):
        code, stderr = command(name, "-m", model / "config.yaml", "-o", *settings)
        assert "Traceback" not in stderr, stderr
        return code, stderr.splitlines()[-1]

    return run


def train_apart(model, name, *settings, **how):
    """Runs a trainer in its own process; returns its exit code and its last line."""
    command = [sys.executable, os.path.join(loading.REPOSITORY, "tools", f"{name}.py")]
    command += ["-m", str(model / "config.yaml"), "-o", *settings]
    done = subprocess.run(command, capture_output=True, text=True, **how)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr.splitlines()[-1]


def content(folder):
    """Every file and folder below a folder, hidden ones too, with the files' hashes."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in folder.rglob("*")
    }


# A full disk


@contextmanager
def limited_files():
    """Limits the size of a file: the first file of a checkpoint is larger."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", PREFIX)
@pytest.mark.parametrize("epochs", ["first", "later", "same"])
def test_a_file_that_cannot_be_written_completely(train, tmp_path, name, epochs):
    output = tmp_path / "out"
    settings = [f"runner.model_save_path={output}", "runner.epochs=1"]
    before = {}
    if epochs != "first":
        assert train(name, *settings)[0] == 0
        before = content(output)
    if epochs == "later":
        settings = [*settings, "runner.epochs=2", "runner.resume=True"]
    with limited_files():
        code, error = train(name, *settings)
    place = output / ("1" if epochs == "later" else "0")
    assert (code, error) == (2, f"error: cannot save to {place}: File too large")
    assert output.exists() == bool(before)
    if epochs == "same":  # the new training moved the earlier checkpoint
        del before[str(output / "config.yaml")]
        data = str(output / "training_data.json")  # the same for both trainings
        assert content(output)[data] == before.pop(data)
        root, (output,) = output, output.glob("run_*")
        assert {
            path.replace(str(output), str(root)): value for path, value in content(output).items()
        } == before
    else:
        assert content(output) == before
    if before:
        found, _ = find.newest(str(output), PREFIX[name])
        assert find.parameters(found, PREFIX[name])


def test_a_safetensors_file_that_cannot_be_written_completely(train, tmp_path):
    pytest.importorskip("safetensors")
    output = tmp_path / "out"
    settings = [f"runner.model_save_path={output}", "runner.checkpoint_format=safetensors"]
    with limited_files():
        code, error = train("trainer", *settings)
    assert (code, error) == (2, f"error: cannot save to {output / '0'}: File too large")
    assert not output.exists()


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a file system with a size in KiB on a folder, or changes its size."""
    mounted = []

    def mount(kib):
        folder = tmp_path / "disk"
        folder.mkdir(exist_ok=True)
        how = f"size={kib}k" if not mounted else f"remount,size={kib}k"
        command = ["mount", "-t", "tmpfs", "-o", how, "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no small disk: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    if mounted:
        subprocess.run(["umount", str(mounted[0])], check=True)


@pytest.mark.skipif(not shutil.which("mount"), reason="there is no mount command")
@pytest.mark.parametrize("form", ["paddle", "safetensors"])
@pytest.mark.parametrize("name", PREFIX)
def test_a_full_disk(train, small_disk, name, form):
    """The second checkpoint does not fit; with more space, the run is resumed."""
    if form == "safetensors":
        pytest.importorskip("safetensors")
    output = small_disk(1400) / "out"
    settings = [f"runner.model_save_path={output}", "runner.epochs=2", "runner.resume=True"]
    settings.append(f"runner.checkpoint_format={form}")
    code, error = train(name, *settings)
    assert (code, error) == (2, f"error: cannot save to {output / '1'}: No space left on device")
    assert sorted(os.listdir(output)) == ["0", "config.yaml", "training_data.json"]
    found, _ = find.newest(str(output), PREFIX[name])
    assert find.parameters(found, PREFIX[name])
    small_disk(4000)
    assert train(name, *settings)[0] == 0
    assert {"0", "1"} <= set(os.listdir(output))


@pytest.mark.skipif(not shutil.which("mount"), reason="there is no mount command")
@pytest.mark.parametrize("kib", [872, 900, 1140])
def test_a_disk_that_is_full_before_the_inference_model(train, small_disk, kib):
    """Paddle's own writer reports no error, or one that names no cause."""
    output = small_disk(kib) / "out"
    settings = [f"runner.model_save_path={output}", "runner.use_inference=True"]
    code, error = train("static_trainer", *settings)
    assert (code, error) == (2, f"error: cannot save to {output / '0'}: No space left on device")
    assert not output.exists()


# Folders


@pytest.mark.parametrize("name", ["0", "interrupted"])
def test_a_file_in_place_of_a_checkpoint(train, tmp_path, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    code, error = train("trainer", f"runner.model_save_path={tmp_path / 'out'}")
    place = tmp_path / "out"
    assert (code, error) == (2, f"error: cannot save to {place}: {place / name} is not a folder")
    assert os.listdir(place) == [name]


@pytest.mark.parametrize("where", ["out", "out/inside"])
def test_a_file_in_place_of_the_output_folder(train, tmp_path, where):
    (tmp_path / "out").write_text("mine")
    code, error = train("trainer", f"runner.model_save_path={tmp_path / where}")
    expected = f"error: cannot save to {tmp_path / where}: {tmp_path / 'out'} is not a folder"
    assert (code, error) == (2, expected)


def obey_permissions():
    """Makes permissions bind root, too, in case it runs the tests."""
    library = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH of linux/capability.h
        if library.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP: it counts from exec on
            raise OSError(ctypes.get_errno(), "prctl")


@pytest.fixture
def unprivileged(tmp_path):
    """The options of a process that permissions bind; restores them at the end."""
    how = {"env": {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}}
    how["env"]["XDG_CACHE_HOME"] = str(tmp_path / "home")
    (tmp_path / "home").mkdir()
    if os.geteuid() == 0:
        if not sys.platform.startswith("linux"):
            pytest.skip("root cannot be bound by permissions here")
        how["preexec_fn"] = obey_permissions
    yield how
    for place, _, _ in os.walk(tmp_path):
        os.chmod(place, 0o755)


@pytest.mark.parametrize("name", PREFIX)
def test_an_output_folder_without_permission(model, tmp_path, unprivileged, name):
    place = tmp_path / "out"
    place.mkdir(mode=0o555)
    for output in (place, place / "new"):
        setting = f"runner.model_save_path={output}"
        code, error = train_apart(model, name, setting, **unprivileged)
        expected = f"error: cannot save to {output}: no permission to write in {place}"
        assert (code, error) == (2, expected)
    assert os.listdir(place) == []


def test_an_epoch_without_permission(model, train, tmp_path, unprivileged):
    """The other graph's checkpoint in the folder cannot be copied, so nothing is saved."""
    output = tmp_path / "out"
    settings = [f"runner.model_save_path={output}", "runner.epochs=1"]
    assert train("static_trainer", *settings)[0] == 0
    before = content(output)
    (output / "0").chmod(0)
    code, error = train_apart(model, "trainer", *settings, **unprivileged)
    assert (code, error) == (2, f"error: cannot save to {output / '0'}: Permission denied")
    (output / "0").chmod(0o755)
    assert content(output) == before


def test_a_data_folder_that_cannot_be_written(model, tmp_path, unprivileged):
    """The parsed copy is written to the user's cache; without permission there, it is an error."""
    settings = [f"runner.model_save_path={tmp_path / 'out'}", "runner.epochs=1"]
    (model / "data" / "train").chmod(0o555)
    before = content(model / "data")
    assert train_apart(model, "trainer", *settings, **unprivileged)[0] == 0
    assert list((tmp_path / "home" / "paddlemtl").glob(".train_data.txt.*.npy"))
    (tmp_path / "closed").mkdir(mode=0o555)
    closed = f"runner.cache_dir={tmp_path / 'closed'}"
    code, error = train_apart(model, "trainer", *settings, closed, **unprivileged)
    assert code == 2
    assert error == (
        f"error: census_reader: {model / 'data' / 'train' / 'train_data.txt'}: the parsed copy "
        f"needs a folder, but {tmp_path / 'closed'} cannot be written: make one writable, or set "
        "runner.cache_dir"
    )
    assert content(model / "data") == before


def test_data_that_cannot_be_read(model, tmp_path, unprivileged):
    data = model / "data" / "train" / "train_data.txt"
    data.chmod(0)
    setting = f"runner.model_save_path={tmp_path / 'out'}"
    code, error = train_apart(model, "trainer", setting, **unprivileged)
    assert code == 2
    assert error.startswith("error: census_reader: ")
    assert str(data) in error
    assert "Permission denied" in error
    assert not (tmp_path / "out").exists()
