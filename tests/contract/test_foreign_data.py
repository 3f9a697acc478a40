"""Data of folders written for PaddleRec: text formats, wrong lines, and rows of one class."""

import gzip
import re

import pytest

QUEUE = ["runner.reader_type=QueueDataset", "runner.train_reader_path=queuedataset_reader"]


def run(run_command, name, folder, *options):
    done = run_command(name, "-m", folder / "config.yaml", "-o", "runner.epochs=1", *options)
    assert done.code == 0, done.stderr
    return done.log


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_text_formats_of_a_data_generator(stand_in, run_command, lines, name):
    """Compressed, with a byte order mark and CRLF, and without a newline at the end."""
    folder = stand_in("rank/dnn")

    def metrics():
        (found,) = lines(run(run_command, name, folder, *QUEUE))["done"]
        return {name: value for name, value in found.items() if name != "time"}

    expected = metrics()
    for number, path in enumerate(sorted((folder / "data" / "train").iterdir())):
        content = b"\xef\xbb\xbf" + path.read_bytes().rstrip(b"\n").replace(b"\n", b"\r\n")
        path.write_bytes(content)
        if number % 2 == 0:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
            path.unlink()
    assert "auc" in expected
    assert metrics() == expected


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda text: text.replace("click:", "click=", 1), r"part-0:1: not enough values to unp"),
        (lambda text: text.replace("click:", "klick:", 1), r"part-0:1: KeyError: 'click'"),
        (lambda text: text + "click:one\n", r"part-0:\d+: invalid literal for int"),
        (lambda text: text + "\n", r"part-0:\d+: not enough values"),
    ],
    ids=["short", "no label", "no number", "blank"],
)
def test_a_wrong_line_of_a_data_generator_is_named(stand_in, run_command, spoil, problem):
    folder = stand_in("rank/dnn")
    path = folder / "data" / "train" / "part-0"
    path.write_text(spoil(path.read_text()))
    done = run_command("trainer", "-m", folder / "config.yaml", "-o", *QUEUE)
    assert done.code == 2, done.stderr
    *_, last = done.stderr.splitlines()
    place = re.escape(str(path.parent))
    assert re.match(f"error: queuedataset_reader: {place}/{problem}", last), last


def test_a_truncated_file_of_a_data_generator_is_named(stand_in, run_command):
    folder = stand_in("rank/dnn")
    path = folder / "data" / "train" / "part-0"
    path.with_name("part-0.gz").write_bytes(gzip.compress(path.read_bytes())[:-20])
    path.unlink()
    done = run_command("trainer", "-m", folder / "config.yaml", "-o", *QUEUE)
    assert done.code == 2, done.stderr
    *_, last = done.stderr.splitlines()
    assert last.startswith(f"error: queuedataset_reader: {path}.gz: ")


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_a_warning_for_rows_of_one_class(stand_in, run_command, lines, name):
    """Paddle's metric and the log show 0; the warning explains it."""
    folder = stand_in("rank/dnn")
    for path in (folder / "data" / "train").iterdir():
        path.write_text(re.sub(r"click:\d", "click:0", path.read_text()))
    stderr = run(run_command, name, folder, "runner.epochs=2")
    warnings = [line for line in stderr.splitlines() if " - WARNING - auc is " in line]
    assert len(warnings) == 1, stderr
    (value,) = {values["auc"] for values in lines(stderr)["done"][-1:]}
    assert value == 0 or value != value
    assert re.search(
        r"- WARNING - auc is (0|nan): (it is not defined, )?all its rows have ", warnings[0]
    )
