"""The commands of PaddleRec's pages, run as written there and from other folders."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
import yaml

LINE = re.compile(
    r"epoch: \d+, batch_id: \d+, auc_income:\S+, auc_marital:\S+, (?:loss:\S+, )?"
    r"avg_reader_cost: \d+\.\d{5} sec, avg_batch_cost: \d+\.\d{5} sec, "
    r"avg_samples: \d+\.\d{5}, ips: \d+\.\d{5} ins/s$"
)
DONE = re.compile(
    r"epoch: \d+ done, auc_income: \d\.\d{6}, auc_marital: \d\.\d{6}, epoch time: \d+\.\d\d s$"
)


def run(arguments, folder):
    done = subprocess.run(
        [sys.executable, "-u", *arguments], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return (done.stdout + done.stderr).splitlines()


@pytest.mark.parametrize("commands", [("trainer", "infer"), ("static_trainer", "static_infer")])
def test_from_the_models_folder(checkout, commands):
    folder = checkout / "models" / "multitask" / "share_bottom"
    for command, rows in zip(commands, (400, 200)):
        lines = run([f"../../../tools/{command}.py", "-m", "config.yaml"], folder)
        batches = rows // 2
        assert len([line for line in lines if LINE.search(line)]) == 3 * batches // 100
        assert len([line for line in lines if DONE.search(line)]) == 3
    prefix = "rec" if commands[0] == "trainer" else "rec_static"
    saved = sorted(os.listdir(folder / "output_model_share_btm"))
    assert saved == ["0", "1", "2", "config.yaml", "training_data.json"]
    kinds = ["json", "pdopt", "pdparams"]
    found = sorted(os.listdir(folder / "output_model_share_btm" / "2"))
    assert found == [f"{prefix}.{kind}" for kind in kinds]


def test_from_the_root_with_overrides(checkout):
    config = "models/multitask/mmoe/config.yaml"
    options = ["-o", "runner.epochs=1", "hyper_parameters.expert_num=4"]
    run(["tools/trainer.py", "-m", config, *options], checkout)
    assert os.listdir(checkout / "models/multitask/mmoe/output_model_mmoe/0")


def test_from_another_folder_with_a_relative_output_folder(checkout, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    config = str(checkout / "models" / "multitask" / "ple" / "config_video.yaml")
    options = ["runner.epochs=1", "runner.infer_end_epoch=1", "runner.model_save_path=out"]
    options += ["runner.infer_load_path=out", "runner.print_interval=1000"]
    for command in ("trainer", "infer"):
        lines = run(
            [str(checkout / "tools" / f"{command}.py"), "-m", config, "-o", *options], elsewhere
        )
        ends = [line for line in lines if "epoch: 0 done" in line]
        assert re.search(r"auc_like: \S+, auc_completion: \S+", ends[0])
        assert len(ends) == 1
    assert os.listdir(elsewhere / "out" / "0")


def test_a_terminal_shows_a_progress_bar(checkout):
    """If standard error is a terminal; a pipe gets only lines."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    config = "models/multitask/mmoe/config.yaml"
    options = ["-o", "runner.epochs=1", "runner.print_interval=50"]
    with subprocess.Popen(
        [sys.executable, "tools/trainer.py", "-m", config, *options], cwd=checkout, stderr=follower
    ) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                block = os.read(leader, 65536)
            except OSError:  # the other end is closed
                break
            shown += block
        assert process.wait() == 0
    text = shown.decode()
    assert re.search(r"epoch 0: +\d+%\|.*\d+/200", text)
    lines = [line for line in re.split(r"[\r\n]+", text) if LINE.search(line.strip())]
    assert len(lines) == 4


def test_demo_ends_with_one_table(checkout):
    done = subprocess.run(
        [sys.executable, "tools/demo.py"], cwd=checkout, capture_output=True, text=True, check=True
    )
    header, *rows = [line.split() for line in done.stdout.splitlines()]
    assert header[:2] == ["model", "rows/s"]
    *begun, last = [line for line in done.stderr.splitlines() if " - INFO - " in line]
    assert len(begun) == len(rows)
    log = Path(re.search(r"wrote the logs of all runs to (\S+)$", last)[1])
    assert sum(bool(DONE.search(line)) for line in log.read_text().splitlines()) >= 6
    log.unlink()
    found = {}
    for model, speed, *metrics in rows:
        assert float(speed) > 0
        found[model] = dict(zip(metrics[::2], map(float, metrics[1::2])))
    tasks = {}
    for path in checkout.glob("models/multitask/*/config.yaml"):
        declared = yaml.safe_load(path.read_text())["hyper_parameters"]["tasks"]
        tasks[path.parent.name] = [task["name"] for task in declared]
    names = {model: [name[4:] for name in metrics] for model, metrics in found.items()}
    assert names == tasks
    for metrics in found.values():
        for name, value in metrics.items():
            assert value > {"auc_": 0.8, "acc_": 0.3}[name[:4]]  # accuracies are of ten classes
