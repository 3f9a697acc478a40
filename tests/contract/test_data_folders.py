"""What PaddleRec's readers expect: the folder's entries, their own batches, the current folder."""

import re

import numpy as np
import pytest

from engine.checkpoints import formats
from engine.model_folder import importing

GRAPHS = {"": "rec", "static_": "rec_static"}


def edit(path, *pairs):
    text = path.read_text()
    for old, new in pairs:
        assert old in text, path
        text = text.replace(old, new)
    path.write_text(text)
    importing.forget(str(path.parent))  # the test may have run the folder before


@pytest.fixture
def parameters(run_command):
    """Trains and evaluates a folder; returns the parameters and the logs."""

    def run(folder, graph="", *options):
        common = ["runner.epochs=1", "runner.infer_start_epoch=0", "runner.infer_end_epoch=1"]
        common.append("runner.overwrite=True")  # a test edits the YAML and trains again
        logs = []
        for command in ("trainer", "infer"):
            yaml = folder / "config.yaml"
            done = run_command(f"{graph}{command}", "-m", yaml, "-o", *common, *options)
            assert done.code == 0, done.stderr
            logs.append(done.stderr)
        (path,) = folder.glob(f"output*/0/{GRAPHS[graph]}.pdparams")
        return formats.read(str(path)), logs

    return run


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_reader_whose_batches_have_a_size_of_its_own(stand_in, parameters, graph):
    """Without batch sizes in the YAML, and then without user_define_reader too."""
    folder = stand_in("rank/din")
    expected, _ = parameters(folder, graph)
    edit(folder / "dinReader.py", ('config.get("runner.train_batch_size")', "16"))
    edit(
        folder / "config.yaml",
        ("  train_batch_size: 16\n", ""),
        ("  infer_batch_size: 16\n", ""),
    )
    found, logs = parameters(folder, graph)
    assert_same(found, expected)
    assert not [log for log in logs if "WARNING" in log]
    edit(folder / "config.yaml", ("  user_define_reader: True\n", ""))
    found, logs = parameters(folder, graph)
    assert_same(found, expected)
    for log, name in zip(logs, ("train", "infer")):
        warning = f"WARNING - runner.{name}_batch_size is not set: each item of the reader is taken"
        assert warning in log


def test_a_run_without_a_batch_size_resumes(stand_in, run_command):
    folder = stand_in("rank/din")
    edit(folder / "dinReader.py", ('config.get("runner.train_batch_size")', "16"))
    edit(folder / "config.yaml", ("  train_batch_size: 16\n", ""))
    for epochs in (1, 2):
        options = [f"runner.epochs={epochs}", "runner.resume=True"]
        done = run_command("trainer", "-m", folder / "config.yaml", "-o", *options)
        assert done.code == 0, done.stderr
    assert "resuming after" in done.stderr


def test_a_reader_gets_sub_folders_as_entries(stand_in, parameters, run_command):
    folder = stand_in("rank/dnn")
    expected, _ = parameters(folder)
    for part in ("train", "test"):
        data = folder / "data" / part
        (data / "day1").mkdir()
        (data / "part-0").rename(data / "day1" / "part-0")
        (data / ".hidden").write_text("no row")
    done = run_command("trainer", "-m", folder / "config.yaml", "-o", "runner.overwrite=True")
    assert done.code == 2
    assert re.search(
        r"error: criteo_reader: IsADirectoryError: .*day1' \(criteo_reader.py, line \d+\); the "
        r"reader gets the entries of its data folder, and must walk sub-folders itself\n$",
        done.stderr,
    )
    walk = "[os.path.join(day, name) for day in file_list for name in os.listdir(day)]"
    edit(
        folder / "criteo_reader.py",
        ("self.file_list = file_list", f"self.file_list = {walk}"),
        ("import numpy", "import os\nimport numpy"),
    )
    found, _ = parameters(folder)
    assert_same(found, expected)


def test_a_data_generator_reads_sub_folders(stand_in, parameters):
    """Here the engine opens the files, not the reader."""
    folder = stand_in("rank/dnn")
    options = ["runner.reader_type=QueueDataset", "runner.train_reader_path=queuedataset_reader"]
    expected, _ = parameters(folder, "", *options)
    data = folder / "data" / "train"
    (data / "day1").mkdir()
    (data / "part-0").rename(data / "day1" / "part-0")
    found, _ = parameters(folder, "", *options)
    assert_same(found, expected)


def test_a_path_relative_to_the_current_folder(stand_in, run_command, parameters, monkeypatch):
    """PaddleRec's commands run in the model's folder; elsewhere the error names that folder."""
    folder = stand_in("rank/wide_deep")
    expected, _ = parameters(folder)
    old = 'os.path.join(config["config_abs_dir"], config.get("hyper_parameters.vocab_path"))'
    edit(folder / "dict_reader.py", (old, 'config.get("hyper_parameters.vocab_path")'))
    done = run_command("trainer", "-m", folder / "config.yaml", "-o", "runner.overwrite=True")
    assert done.code == 2
    assert done.stderr.endswith(
        "error: dict_reader: FileNotFoundError: [Errno 2] No such file or directory: "
        "'data/vocab.txt' (dict_reader.py, line 13); it is relative to the current directory: "
        f"run the command in {folder}\n"
    )
    monkeypatch.chdir(folder)
    found, _ = parameters(folder)
    assert_same(found, expected)
