"""tools/benchmark.py, run as a command on the samples; no test checks a time."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.common.fast_step.code import AVAILABLE

ROOT = Path(__file__).resolve().parents[2]
YAML = "models/multitask/mmoe/config.yaml"
SPREAD = {"median", "lowest", "highest", "runs"}
FIGURES = {  # of every program
    *("rows", "rows_per_second", "whole_process_rows_per_second", "whole_process_seconds"),
    *("cpu_seconds", "peak_memory_mb", "ms_per_step", "import_seconds", "own_memory_mb"),
}
CASE = {
    "mode",
    "graph",
    "threads",
    "batch_size",
    "data",
    "epochs",
    "batches",
    "paddle",
    "against",
    *FIGURES,
}
SPLIT = {"phases_ms", "split_ms_per_step", "split_batches"}
TRAIN = ("read", "transfer", "forward", "loss", "backward", "optimizer", "metrics", "log", "other")


def benchmark(checkout, *arguments, yaml=YAML):
    command = [sys.executable, "tools/benchmark.py", "-m", yaml, *map(str, arguments)]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True)


def measured(checkout, *arguments, **options):
    """Returns the printed tables, each a list of rows of cells, and the JSON."""
    path = checkout / "figures.json"
    done = benchmark(checkout, *arguments, "--json", path, **options)
    assert done.returncode == 0, done.stderr
    assert all(len(line) <= 100 for line in done.stdout.splitlines()[3:])
    report = json.loads(path.read_text(encoding="utf-8"))
    return [part.splitlines() for part in done.stdout.split("\n\n")], report


def parsed_copies():
    folder = Path(os.environ["XDG_CACHE_HOME"]) / "paddlemtl"
    return {path: path.stat().st_ino for path in folder.glob(".*.npy")}


def command(code):
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


def test_training_and_evaluation_first_and_parsed(checkout):
    subprocess.run(
        [sys.executable, "tools/trainer.py", "-m", YAML, "-o", "runner.epochs=1"],
        cwd=checkout,
        check=True,
        capture_output=True,
    )
    before = parsed_copies()
    output = (checkout / "models/multitask/mmoe/output_model_mmoe").stat().st_mtime_ns
    (cases, phases), report = measured(
        checkout,
        *("--batch_size", 8, "--repeat", 1, "--first_run", "--split_batches", 5),
        *("-o", "runner.print_interval=2"),
    )
    assert cases[0].startswith("A = ")
    header, *rows = [line.split() for line in cases[1:]]
    assert header[:7] == ["case", "mode", "graph", "thr", "batch", "data", "rows/s"]
    assert [row[:6] for row in rows] == [
        [str(number), mode, "dygraph", "1", "8", state]
        for number, (mode, state) in enumerate(
            [("train", "first"), ("train", "parsed"), ("eval", "first"), ("eval", "parsed")], 1
        )
    ]
    assert [line.split()[0] for line in phases[2:]] == ["2", "4"]  # of parsed data alone

    assert report["repeat"] == 1
    assert report["environment"]["cores"] >= 1
    for case in report["cases"]:
        split = case["data"] == "parsed"
        assert set(case) == CASE | (SPLIT if split else set())
        assert case["rows"] == (400 if case["mode"] == "train" else 200)
        for name in FIGURES - {"rows"}:
            figure = case[name]
            assert set(figure) == SPREAD
            assert len(figure["runs"]) == 1
            assert 0 < figure["lowest"] <= figure["median"] <= figure["highest"]
        if split:
            assert case["split_batches"] == 5
            assert case["split_ms_per_step"] > 0
    train, evaluation = (case["phases_ms"] for case in report["cases"] if "phases_ms" in case)
    unsplit = {"loss"} if AVAILABLE else set()  # part of the forward code
    assert set(train) == set(TRAIN) - unsplit
    assert all(seconds > 0 for name, seconds in train.items() if name != "read")  # one block
    assert set(evaluation) == set(TRAIN) - {"loss", "backward", "optimizer"}

    # The files of the user are unchanged.
    assert before
    assert {path: parsed_copies()[path] for path in before} == before
    assert (checkout / "models/multitask/mmoe/output_model_mmoe").stat().st_mtime_ns == output


def test_a_part_of_each_epoch(checkout):
    options = ["--mode", "train", "--batch_size", 8, "--epochs", 2, "--batches", 3, "--repeat", 1]
    _, report = measured(checkout, *options, "--split_batches", 0)
    (case,) = report["cases"]
    assert case["batches"] == 3
    assert case["rows"] == (12 + 2 * 3) * 8  # with the warm-up


def test_other_programs_alternate_on_the_same_data(checkout, tmp_path):
    """Another checkout, a command that reports its figures, and one that reports nothing."""
    other = tmp_path / "other"
    for name in ("tools", "models", "datasets"):
        shutil.copytree(checkout / name, other / name)
    seen = tmp_path / "seen.txt"
    write = (
        "import sys, os, json; "
        f"open({str(seen)!r}, 'a').write(' '.join(sys.argv[1:] + sorted(os.listdir(sys.argv[1]))"
        " + [os.environ['OMP_NUM_THREADS']]) + chr(10)); "
    )
    reporting = write + "print('log'); print(json.dumps(dict(rows_per_second=50.0, rows=10)))"
    places = " {data} {batch_size} {epochs} {threads} {graph} {mode}"
    (cases, against), report = measured(
        checkout,
        *("--graph", "static", "--mode", "train", "--batch_size", 50, "--repeat", 1),
        *("--split_batches", 0, "--threads", 2, "--epochs", 2),
        *("--against", other / "tools", command(reporting) + places, command("pass")),
    )
    assert [line[:4] for line in cases[:4]] == ["A = ", "B = ", "C = ", "D = "]
    assert str(other) in cases[1]
    [case] = report["cases"]
    assert set(case) == CASE
    assert case["rows"] == 800
    tools, reported, silent = case["against"]
    assert [one["letter"] for one in case["against"]] == ["B", "C", "D"]
    for one in case["against"]:
        assert set(one) == {"letter", "name", "ratio", *FIGURES}
    assert tools["rows"] == 800
    for ratio in tools["ratio"].values():
        assert ratio["lowest"] <= ratio["highest"]
        assert len(ratio["turns"]) == 1
    mine = case["rows_per_second"]
    assert tools["ratio"]["rows_per_second"]["of_medians"] == pytest.approx(
        mine["median"] / tools["rows_per_second"]["median"]
    )
    assert reported["rows"] == 10
    assert reported["rows_per_second"]["median"] == 50
    assert reported["ratio"]["rows_per_second"]["of_medians"] == pytest.approx(mine["median"] / 50)
    assert silent["rows"] == 800
    assert silent["rows_per_second"] is None
    assert silent["ratio"]["rows_per_second"] is None
    assert silent["ratio"]["whole_process_rows_per_second"]["of_medians"] > 0
    data = checkout / "datasets/census/sample_data/train"
    line = f"{data} 50 2 2 static train {' '.join(sorted(os.listdir(data)))} 2"
    assert seen.read_text(encoding="utf-8").splitlines() == [line]
    assert len(against) == 2 + 3
    assert against[-1].split()[:3] == ["1", "D", "-"]


def test_tools_without_this_engine_run_as_a_command(checkout, tmp_path):
    """PaddleRec's trainer.py takes the same options and logs the same lines."""
    theirs = tmp_path / "theirs" / "tools"
    theirs.mkdir(parents=True)
    (theirs / "trainer.py").write_text(
        "import runpy, sys\n"
        f"sys.path[0] = {str(checkout / 'tools')!r}\n"
        f"runpy.run_path({str(checkout / 'tools' / 'trainer.py')!r}, run_name='__main__')\n",
        encoding="utf-8",
    )
    _, report = measured(
        checkout,
        *("--mode", "train", "--batch_size", 50, "--repeat", 1, "--split_batches", 0),
        *("--against", theirs),
    )
    [train] = report["cases"]
    [other] = train["against"]
    assert other["name"] == str(theirs)
    assert other["rows"] == 400
    assert other["rows_per_second"]["median"] > 0  # from the log


def test_the_documents_name_every_figure():
    for name in ("performance.md", "performance_CN.md"):
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert {word for word in CASE | SPLIT if f"`{word}`" not in text} == set()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repeat", "0"], "--repeat: expected an integer of at least 1, found '0'"),
        (["--mode", "test"], "--mode: invalid choice"),
        (["--against", "no-such-command --x"], "there is no folder and no command with this name"),
        (["--against", str(ROOT / "models")], "the folder has no trainer.py"),
        (
            ["--against", "echo {batchsize}"],
            "unknown placeholder {batchsize}; the placeholders are",
        ),
        (["--against", "echo 'x"], "No closing quotation"),
        (["--against", " "], "nothing to run"),
        (
            ["--json", "nowhere/figures.json"],
            "--json nowhere/figures.json: the file cannot be written",
        ),
        (["-o", "runner.train_data_dir=nowhere"], "there is no folder"),
        (["-o", "hyper_parameters.expert_num=0"], "hyper_parameters.expert_num"),
    ],
)
def test_bad_input_is_one_line(run_command, written, arguments, message):
    before = written()
    done = run_command("benchmark", "-m", ROOT / YAML, *arguments)
    assert done.code == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr
    assert done.stdout == ""
    assert written() == before


def test_a_failed_command_is_named_with_its_last_line(checkout):
    code = "import sys; print('it broke', file=sys.stderr); sys.exit(3)"
    done = benchmark(checkout, "--mode", "train", "--batch_size", 50, "--against", command(code))
    assert done.returncode == 2
    assert re.search(r"error: .* exit code 3: it broke$", done.stderr.splitlines()[-1])


def test_ctrl_c_ends_the_measured_process(checkout, tmp_path):
    started = tmp_path / "pid"
    code = f"import os, time; open({str(started)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    arguments = ["--mode", "train", "--batch_size", "50", "--against", command(code)]
    process = subprocess.Popen(
        [sys.executable, "tools/benchmark.py", "-m", YAML, *arguments],
        cwd=checkout,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (started.exists() and started.read_text(encoding="utf-8")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate()
    assert process.returncode == 130
    assert stderr.splitlines()[-1].startswith("error: interrupted")
    number = int(started.read_text(encoding="utf-8"))
    for _ in range(200):  # until init has reaped it
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail(f"process {number} still runs")
