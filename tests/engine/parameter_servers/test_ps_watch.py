"""Watchers end a job's processes when one of them dies."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from engine.model_folder import loading

# A process of a job, without Paddle. It obeys the lines "finish" (training has ended) and "end".
PROCESS = """
import sys
from engine.parameter_servers import roles, watch
watch.START_SECONDS = float(sys.argv[4])
watch.END_SECONDS = 2.0
servers, trainers = (tuple(text.split(",")) for text in sys.argv[2:4])
kind, index = sys.argv[1].split(":")
connection = watch.start(roles.Role(kind, int(index), servers, trainers))
print("started", flush=True)
for line in sys.stdin:
    if line == "finish\\n":
        connection.finished()
        print("finished", flush=True)
    elif line == "end\\n":
        connection.close()
        sys.exit(0)
"""


class Processes:
    def __init__(self, servers, trainers, start=20.0):
        ports = [socket.socket() for _ in range(servers + trainers)]
        for port in ports:
            port.bind(("127.0.0.1", 0))
        ends = [f"127.0.0.1:{port.getsockname()[1]}" for port in ports]
        for port in ports:
            port.close()
        self.ends = {"server": ends[:servers], "trainer": ends[servers:]}
        self._lists = [",".join(ends[:servers]), ",".join(ends[servers:]), str(start)]
        self.running = {}

    def start(self, *names):
        for name in names:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-c", PROCESS, name, *self._lists],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd=os.path.join(loading.REPOSITORY, "tools"),
                start_new_session=True,
            )
        for name in names:
            assert self.running[name].stdout.readline() == "started\n"

    def send(self, name, text):
        self.running[name].stdin.write(f"{text}\n")
        self.running[name].stdin.flush()
        if text == "finish":
            assert self.running[name].stdout.readline() == "finished\n"

    def end(self, name, seconds=20):
        """Waits for a process and its watcher; returns the exit code and standard error."""
        process = self.running.pop(name)
        code = process.wait(seconds)
        stderr = process.stderr.read()  # up to its end: then the watcher has ended too
        process.stdin.close()
        process.stdout.close()
        process.stderr.close()
        return code, stderr

    def close(self):
        for process in self.running.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture
def processes():
    made = []

    def make(*arguments):
        made.append(Processes(*arguments))
        return made[-1]

    yield make
    for job in made:
        job.close()


ALL = ("server:0", "server:1", "trainer:0", "trainer:1")


def connected(job):
    """Waits until the watchers are connected: they need two polls."""
    time.sleep(1.0)
    assert all(process.poll() is None for process in job.running.values())


@pytest.mark.parametrize("victim", ["trainer:1", "server:0"])
def test_a_killed_process_ends_all_others(processes, victim):
    job = processes(2, 2)
    job.start(*ALL)
    connected(job)
    job.running[victim].kill()
    assert job.end(victim)[0] == -signal.SIGKILL
    ends = {name: job.end(name) for name in ALL if name != victim}
    assert {code for code, _ in ends.values()} == {-signal.SIGKILL}
    assert any(f"{victim.replace(':', ' ')} (" in said for _, said in ends.values())
    assert all(said.endswith(" has ended\n") for _, said in ends.values())


def test_after_training_processes_end_in_any_order(processes):
    job = processes(2, 2)
    job.start(*ALL)
    connected(job)
    for name in ("trainer:0", "trainer:1"):
        job.send(name, "finish")
    for name in ("server:1", "trainer:0", "server:0", "trainer:1"):
        job.send(name, "end")
        assert job.end(name) == (0, "")


def test_a_process_that_hangs_after_training_is_killed(processes):
    job = processes(1, 1)
    job.start("server:0", "trainer:0")
    connected(job)
    job.send("trainer:0", "finish")
    for name in ("server:0", "trainer:0"):
        code, said = job.end(name)
        assert code == -signal.SIGKILL
        assert said.endswith("training has ended, but this process did not end within 2 s\n")


def test_a_process_that_never_starts_is_named(processes):
    job = processes(1, 2, 1.0)
    job.start("server:0", "trainer:1")
    said = "".join(job.end(name)[1] for name in ("server:0", "trainer:1"))
    assert f"trainer 0 ({job.ends['trainer'][0]}) did not start within 1 s" in said


def test_unknown_connections_are_ignored(processes):
    job = processes(1, 1)
    job.start("trainer:0")
    host, port = job.ends["trainer"][0].split(":")
    for text in (b"", b"GET / HTTP/1.1\r\n\r\n", b"x" * 100):
        with socket.create_connection((host, int(port)), timeout=5) as unknown:
            unknown.sendall(text)
    job.start("server:0")
    connected(job)
    job.send("trainer:0", "finish")
    for name in ("server:0", "trainer:0"):
        job.send(name, "end")
        assert job.end(name) == (0, "")


def test_a_port_in_use_is_an_error(processes):
    job = processes(1, 1)
    job.start("trainer:0")
    with pytest.raises(AssertionError):
        job.start("trainer:0")
    assert "PADDLE_PORT: cannot listen at" in job.end("trainer:0")[1]
