"""Results go to standard output, the rest to standard error, and all of it to the file."""

import io
import logging
import os
import re
import sys

import pytest

from engine.system import logs
from engine.system.errors import UserError

logger = logging.getLogger("test")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}")


@pytest.fixture(autouse=True)
def restored():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logs.start_logging()
    logs.write_file(None)
    root.handlers[:] = handlers
    root.setLevel(level)


def log_all():
    logger.info("begins")
    logger.info("epoch: %d done", 0, extra=logs.RESULT)
    logger.warning("odd")
    logs.show("a table")
    logs.show_error("error: ended")


@pytest.mark.parametrize("quiet", [False, True])
def test_streams_and_file(capsys, tmp_path, quiet):
    path = tmp_path / "log.txt"
    path.write_text("older\n")
    logs.start_logging(quiet)
    logger.info("early")
    logs.write_file(str(path))
    log_all()
    found = capsys.readouterr()
    assert TIME.sub("T", found.out) == "T - INFO - epoch: 0 done\na table\n"
    information = "" if quiet else "T - INFO - early\nT - INFO - begins\n"
    assert TIME.sub("T", found.err) == f"{information}T - WARNING - odd\nerror: ended\n"
    older, command, *lines = TIME.sub("T", path.read_text()).splitlines()
    assert (older, command.startswith("T - INFO - command: ")) == ("older", True)
    assert lines == [
        *["T - INFO - early", "T - INFO - begins", "T - INFO - epoch: 0 done"],
        *["T - WARNING - odd", "a table", "T - ERROR - ended"],
    ]


def test_only_the_file_has_what_is_kept_from_the_terminal(capsys, tmp_path):
    logs.start_logging()
    logs.write_file(str(tmp_path / "log.txt"))
    with logs.file_only():
        log_all()
    found = capsys.readouterr()
    assert TIME.sub("T", found.out + found.err) == "T - WARNING - odd\nerror: ended\n"
    assert len((tmp_path / "log.txt").read_text().splitlines()) == 6
    logger.info("again")
    assert capsys.readouterr().err.endswith("again\n")


def test_a_file_that_cannot_be_written_is_refused(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for name, problem in {
        "none/log.txt": f"there is no folder {tmp_path}/none; make it, or name another file",
        "": "expected a file",
        "fifo": "expected a file",
    }.items():
        path = os.path.join(tmp_path, name).rstrip("/")
        with pytest.raises(UserError) as caught:
            logs.write_file(path)
        assert str(caught.value) == f"runner.log_file = {path}: {problem}"


def test_a_closed_pipe_does_not_end_a_command(capsys, monkeypatch):
    """As in `infer.py | head -1`."""
    reader, writer = os.pipe()
    logs.start_logging()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        log_all()
        logger.info("epoch: 1 done", extra=logs.RESULT)
    assert TIME.sub("T", capsys.readouterr().err).splitlines() == [
        *["T - INFO - begins", "T - WARNING - odd", "error: ended"]
    ]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's /dev/full")
def test_a_full_disk_is_one_warning(capsys, monkeypatch):
    logs.start_logging()
    with open("/dev/full", "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        log_all()
        logger.info("epoch: 1 done", extra=logs.RESULT)
    lines = TIME.sub("T", capsys.readouterr().err).splitlines()
    problem = "T - WARNING - cannot write to stdout: [Errno 28] No space left on device"
    assert sorted(lines) == sorted(
        ["T - INFO - begins", problem, "T - WARNING - odd", "error: ended"]
    )


def test_lines_appear_above_a_bar(monkeypatch):
    from tqdm import tqdm

    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    logs.start_logging()
    with tqdm(total=10, file=stderr) as bar:
        bar.update(4)
        logger.info("saved")
    lines = re.split(r"[\r\n]+", stderr.getvalue())
    assert [TIME.sub("T", line) for line in lines if "saved" in line] == ["T - INFO - saved"]
