"""Jobs of servers and trainers on this host: training, saving, resuming and ending."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import paddle
import pytest

from engine.model_folder import loading

ROOT = Path(loading.REPOSITORY)
YAML = ROOT / "models" / "multitask" / "esmm" / "config.yaml"
HAS_SERVERS = hasattr(paddle.base.core, "CommContext")
LIMIT = 120  # seconds for a job on a busy machine; on an idle one it takes fifteen

needs_servers = pytest.mark.skipif(not HAS_SERVERS, reason="this Paddle has no parameter servers")


def free_ports(number):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Job:
    """The processes of one job, each in its own process group."""

    def __init__(self, folder, servers, trainers, *options, yaml=YAML):
        ports = free_ports(servers + trainers + 1)
        ends = [f"127.0.0.1:{port}" for port in ports]
        shared = {
            "PADDLE_PSERVERS_IP_PORT_LIST": ",".join(ends[:servers]),
            "PADDLE_TRAINER_ENDPOINTS": ",".join(ends[servers:-1]),
            "PADDLE_TRAINERS_NUM": str(trainers),
            "POD_IP": "127.0.0.1",
            "PADDLE_WITH_GLOO": "1",
            "PADDLE_GLOO_RENDEZVOUS": "3",
            "PADDLE_GLOO_HTTP_ENDPOINT": ends[-1],
        }
        command = [sys.executable, str(ROOT / "tools" / "static_ps_trainer.py"), "-m", str(yaml)]
        self.logs, self.processes = {}, {}
        folder.mkdir()
        for number, port in enumerate(ports[:-1]):
            server = number < servers
            name = f"server{number}" if server else f"trainer{number - servers}"
            own = {"TRAINING_ROLE": "PSERVER" if server else "TRAINER", "PADDLE_PORT": str(port)}
            if not server:
                own["PADDLE_TRAINER_ID"] = str(number - servers)
            self.logs[name] = folder / f"{name}.log"
            with open(self.logs[name], "wb") as log:
                self.processes[name] = subprocess.Popen(
                    [*command, "-o", *map(str, options)],
                    env={**os.environ, **shared, **own},
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                    start_new_session=True,
                )

    def __enter__(self):
        return self

    def __exit__(self, *caught):
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def text(self, name):
        return self.logs[name].read_text(errors="replace")

    def wait_for(self, name, words):
        end = time.monotonic() + LIMIT
        while words not in self.text(name):
            assert self.processes[name].poll() is None, self.text(name)
            assert time.monotonic() < end, self.text(name)
            time.sleep(0.05)

    def codes(self, limit=LIMIT):
        end = time.monotonic() + limit
        for process in self.processes.values():
            process.wait(max(0.1, end - time.monotonic()))
        return {name: process.returncode for name, process in self.processes.items()}

    def left(self):
        """Returns the names of processes whose child processes still run after a few seconds."""
        end = time.monotonic() + 5
        while True:
            left = [name for name, each in self.processes.items() if group_lives(each.pid)]
            if not left or time.monotonic() > end:
                return left
            time.sleep(0.1)


def group_lives(number):
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True


def losses(text, epoch):
    return [float(x) for x in re.findall(rf"epoch: {epoch}, batch_id: \d+,.* loss:([\d.]+)", text)]


def mean(values):
    return sum(values) / len(values)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished job of one server and two trainers, with its exit codes and output folder."""
    folder = tmp_path_factory.mktemp("ps")
    output = folder / "output"
    options = [f"runner.model_save_path={output}", "runner.epochs=4", "runner.print_interval=4"]
    with Job(folder / "job", 1, 2, *options) as job:
        codes = job.codes()
        yield job, codes, output


@needs_servers
def test_all_processes_end_with_code_0(trained):
    job, codes, output = trained
    assert codes == {"server0": 0, "trainer0": 0, "trainer1": 0}, job.text("trainer0")
    assert job.left() == []
    saved = [
        "0",
        "1",
        "2",
        "3",
        "config.yaml",
        "training_data.json",
    ]  # no lock and no temporary files
    assert sorted(os.listdir(output)) == saved
    assert sorted(os.listdir(job.logs["server0"].parent)) == [
        "server0.log",
        "trainer0.log",
        "trainer1.log",
    ]


@needs_servers
def test_the_loss_decreases_in_each_trainer(trained):
    job, _, _ = trained
    for name in ("trainer0", "trainer1"):
        first, last = (mean(losses(job.text(name), epoch)) for epoch in (0, 3))
        assert last < 0.9 * first, job.text(name)


@needs_servers
def test_each_trainer_reads_half_of_the_rows(trained):
    job, _, _ = trained
    for name in ("trainer0", "trainer1"):
        assert re.findall(rf"epoch: (\d): trainer {name[-1]}: 1000 rows", job.text(name)) == [
            "0",
            "1",
            "2",
            "3",
        ]


@needs_servers
def test_other_commands_evaluate_the_saved_tables(trained, run_command):
    _, _, output = trained
    tables = json.loads((output / "3" / "rec_static.json").read_text())["tables"]
    assert tables["embedding_0.w_0"]["shape"] == [1000, 8]
    assert len(list((output / "3" / "rec_static.tables" / "000").iterdir())) == 32
    for command in ("static_infer", "infer"):
        done = run_command(
            command,
            "-m",
            YAML,
            "-o",
            f"runner.infer_load_path={output}",
            "runner.infer_start_epoch=3",
            "runner.infer_end_epoch=4",
        )
        assert done.code == 0, done.stderr
        found = re.search(r"epoch: 3 done, auc_ctr: ([\d.]+), auc_cvr: ([\d.]+)", done.log)
        assert float(found[1]) > 0.85
        assert float(found[2]) > 0.55


def start_hosts(hosts, folder, *options):
    """Starts each host's part of a job with the script for several hosts."""
    port = next(first for first in iter(lambda: free_ports(1)[0], None) if all_free(hosts, first))
    common = {"HOSTS": " ".join(hosts), "PORT": str(port), "TRAINERS": "1"}
    running = []
    for host in hosts:
        with open(folder / f"{host}.log", "wb") as log:
            running.append(
                subprocess.Popen(
                    ["bash", str(ROOT / "tools" / "static_ps_host.sh"), "-m", YAML, "-o", *options],
                    env={**os.environ, **common, "HOST": host, "PYTHON": sys.executable},
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                    start_new_session=True,
                )
            )
    return running


def all_free(hosts, first):
    with contextlib.ExitStack() as stack:
        try:
            for host in hosts:
                for port in (first, first + 1, first + 100):
                    stack.enter_context(socket.socket()).bind((host, port))
        except (OSError, OverflowError):
            return False
    return True


@needs_servers
def test_a_job_on_two_hosts_resumes_what_one_host_saved(trained, tmp_path):
    job, _, output = trained
    hosts = ("127.0.0.1", "127.0.0.2")  # two addresses of this machine
    options = [f"runner.model_save_path={output}", "runner.epochs=5", "runner.print_interval=4"]
    running = start_hosts(hosts, tmp_path, *options, "runner.resume=True")
    try:
        codes = [process.wait(LIMIT) for process in running]
    finally:
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    text = (tmp_path / "127.0.0.1.log").read_text()
    assert codes == [0, 0], text
    assert f"resuming after {output}/3" in text
    # From scratch, the loss starts at 1.1.
    assert mean(losses(text, 4)[:10]) < 0.75 * mean(losses(job.text("trainer0"), 0)[:10])
    written = os.listdir(output / "4" / "rec_static.tables" / "000")
    assert {name.split("-")[1] for name in written} == {"000", "001"}  # of both servers


@needs_servers
@pytest.mark.parametrize("name", ["trainer1", "server0"])
def test_a_dead_process_ends_the_job(name, tmp_path):
    options = [f"runner.model_save_path={tmp_path / 'output'}", "runner.epochs=1000"]
    with Job(tmp_path / "job", 1, 2, *options) as job:
        job.wait_for("trainer1", "batch_id: 0")
        job.processes[name].kill()
        assert all(job.codes(30).values())
        assert job.left() == []
        others = [job.text(other) for other in job.processes if other != name]
        assert all("has ended" in text for text in others), others
        assert all("Traceback" not in text for text in others), others


@needs_servers
def test_a_signal_ends_a_trainer_with_one_line(tmp_path):
    options = [f"runner.model_save_path={tmp_path / 'output'}", "runner.epochs=1000"]
    with Job(tmp_path / "job", 1, 2, *options) as job:
        job.wait_for("trainer0", "batch_id: 0")
        job.processes["trainer0"].terminate()
        codes = job.codes(30)
        assert codes["trainer0"] == 128 + signal.SIGTERM
        assert all(codes.values())
        assert job.left() == []
        text = job.text("trainer0")
        assert text.splitlines()[-1].startswith("error: interrupted in epoch")
        assert "Traceback" not in text


@needs_servers
def test_a_folder_written_for_paddlerec(tmp_path, run_command):
    """Its Adam is not lazy: the servers update the rows, so nothing is added to the gradients."""
    folder = tmp_path / "dnn"
    shutil.copytree(ROOT / "tests" / "contract" / "folders" / "rank" / "dnn", folder)
    static = folder / "static_model.py"
    static.write_text(static.read_text().replace("lazy_mode=True", "lazy_mode=False"))
    random = np.random.default_rng(5)
    for part in ("train", "test"):
        (folder / "data" / part).mkdir(parents=True)
        with open(folder / "data" / part / "part-0", "w") as file:
            for ids in random.integers(1, 20, (600, 3)):
                dense = " ".join(f"dense_feature:{x:.3f}" for x in random.random(4))
                sparse = " ".join(f"{slot}:{value}" for slot, value in enumerate(ids, 1))
                file.write(f"click:{int(ids[0] % 2)} {dense} {sparse}\n")
    options = ["runner.epochs=8", f"runner.model_save_path={tmp_path / 'output'}"]
    with Job(tmp_path / "job", 1, 2, *options, yaml=folder / "config.yaml") as job:
        assert set(job.codes().values()) == {0}, job.text("trainer0")
    done = run_command(
        "static_infer",
        "-m",
        folder / "config.yaml",
        "-o",
        f"runner.infer_load_path={tmp_path / 'output'}",
        "runner.infer_start_epoch=7",
        "runner.infer_end_epoch=8",
    )
    found = re.search(r"epoch: 7 done, auc: ([\d.]+)", done.log)
    assert float(found[1]) > 0.8, done.stderr


@needs_servers
def test_an_unsupported_option_is_one_line(tmp_path):
    options = [f"runner.model_save_path={tmp_path / 'output'}", "runner.sync_mode=geo"]
    with Job(tmp_path / "job", 1, 1, *options) as job:
        assert job.codes(60) == {"server0": 2, "trainer0": 2}
        assert job.left() == []
        last = job.text("trainer0").splitlines()[-1]
        assert last.startswith("error: -o: runner.sync_mode = 'geo': ")
        assert last.endswith("expected async")
        assert not (tmp_path / "output").exists()


@pytest.mark.skipif(HAS_SERVERS, reason="this Paddle has parameter servers")
def test_a_version_of_paddle_without_servers(run_command, monkeypatch):
    monkeypatch.setenv("FLAGS_enable_pir_api", "1")  # the command changes it, for this process
    done = run_command("static_ps_trainer", "-m", YAML)
    assert done.code == 2
    assert done.stderr.splitlines()[-1] == (
        f"error: Paddle {paddle.__version__} has no parameter servers: pip install "
        "paddlepaddle==2.6.2 (requirements-legacy.txt)"
    )
