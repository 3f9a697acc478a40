"""Ends a process of a parameter-server job when another one has died.

Fleet does not notice: a server waits for ever for trainers that are gone, and a trainer waits
minutes for a server, both inside Paddle, where no Python runs. So each process has a watcher, a
small process of its own. A server's watcher holds a connection to every trainer's watcher, at the
endpoint that Fleet gives the trainer and does not use itself. The kernel closes a connection when
the process at its other end dies, whatever it died of.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import platform
import selectors
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress

from engine.parameter_servers.roles import Role
from engine.system.errors import UserError

START_SECONDS = 600.0  # for all processes of a job to be there: their hosts may start at odds
END_SECONDS = 120.0  # from the last trainer's end of training to the end of a process
_LOOK_SECONDS = 0.3  # between two looks at the watched process, and at who is still to come
_PR_SET_PDEATHSIG = 1  # of Linux's prctl(2)
_DONE = b"."  # what a trainer says before it ends as it should
# A host that loses power closes nothing: seconds of silence, between questions, and their number.
_ALIVE = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))


class Watch:
    """A process's hold on its watcher.

    Args:
        watcher: the watcher's process id.
        line: a socket to it.
    """

    def __init__(self, watcher: int, line: socket.socket):
        self._watcher, self._line = watcher, line

    def finished(self) -> None:
        """Says that training is over: from now on others may end. Returns when all know."""
        self._line.sendall(_DONE)
        self._line.recv(1)

    def close(self) -> None:
        """Ends the watcher."""
        os.kill(self._watcher, signal.SIGKILL)
        os.waitpid(self._watcher, 0)
        self._line.close()


def start(role: Role) -> Watch:
    """Starts the watcher of this process; call it before Paddle has started threads.

    Raises:
        UserError: a trainer's port is taken.
    """
    listener = None if role.is_server else _listen(role.endpoint)
    here, there = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    watched = os.getpid()
    watcher = os.fork()
    if watcher:
        there.close()
        if listener:
            listener.close()
        _end_children_with_this_process()
        return Watch(watcher, here)
    try:
        here.close()
        for number in (signal.SIGINT, signal.SIGTERM):  # meant for the process that is watched
            signal.signal(number, signal.SIG_IGN)
        _Watcher(role, watched, there, listener).run()
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(0)


def _end_children_with_this_process() -> None:
    """Ends helpers that Fleet starts for its rendezvous when this process is killed: Linux only."""
    if platform.system() != "Linux":
        return
    library = ctypes.CDLL(None)

    def end_with_parent() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    os.register_at_fork(after_in_child=end_with_parent)


def _listen(endpoint: str) -> socket.socket:
    host, _, port = endpoint.rpartition(":")
    try:
        listener = _bound(host, int(port))
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise UserError(
                f"PADDLE_PORT: cannot listen at {endpoint}: {error.strerror}"
            ) from error
        listener = _bound("", int(port))  # the address is that of a gateway in front of this host
    listener.listen()
    listener.setblocking(False)
    return listener


def _bound(host: str, port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


class _Watcher:
    """The watcher's own process.

    Args:
        role: of the process that is watched.
        watched: its id.
        line: a socket to it.
        listener: where a trainer's watcher takes the servers' connections; None for a server.
    """

    def __init__(
        self, role: Role, watched: int, line: socket.socket, listener: socket.socket | None
    ):
        self._role, self._watched, self._line, self._listener = role, watched, line, listener
        others = role.trainers if role.is_server else role.servers
        kind = "trainer" if role.is_server else "server"
        self._names = [f"{kind} {index} ({other})" for index, other in enumerate(others)]
        self._absent = dict(enumerate(others))
        self._peers: dict[socket.socket, int] = {}
        self._strangers: dict[socket.socket, bytes] = {}  # what they have said so far
        self._done: set[int] = set()
        self._deadline = time.monotonic() + START_SECONDS
        job = ";".join((",".join(role.servers), ",".join(role.trainers)))
        self._job = hashlib.sha256(job.encode()).digest()
        self._selector = selectors.DefaultSelector()
        self._selector.register(line, selectors.EVENT_READ)
        if listener:
            self._selector.register(listener, selectors.EVENT_READ)

    def run(self) -> None:
        """Returns when the watched process has ended."""
        while os.getppid() == self._watched:
            ready = [key.fileobj for key, _ in self._selector.select(_LOOK_SECONDS)]
            if self._line in ready:  # first: what it says makes others' ends rightful
                self._hear_watched()
            for one in ready:
                if one is self._listener:
                    self._accept()
                elif one in self._strangers:
                    self._hear_stranger(one)
                elif one in self._peers:
                    self._hear_peer(one)
            if self._role.is_server:
                self._connect()
            self._look_at_clock()

    def _hear_watched(self) -> None:
        if not self._line.recv(1):  # it is ending
            self._selector.unregister(self._line)
            return
        for peer in self._peers:
            with suppress(OSError):
                peer.sendall(_DONE)
        self._done = set(range(len(self._names)))
        self._deadline = time.monotonic() + END_SECONDS
        self._line.sendall(_DONE)

    def _connect(self) -> None:
        for index, endpoint in list(self._absent.items()):
            host, _, port = endpoint.rpartition(":")
            try:
                peer = socket.create_connection((host, int(port)), timeout=1)
                peer.sendall(self._job + self._role.index.to_bytes(4, "big"))
            except OSError:  # it has not started yet
                continue
            self._admit(peer, index)

    def _accept(self) -> None:
        with suppress(OSError):  # it has gone again
            peer, _ = self._listener.accept()
            peer.setblocking(False)
            self._strangers[peer] = b""
            self._selector.register(peer, selectors.EVENT_READ)

    def _hear_stranger(self, peer: socket.socket) -> None:
        """Reads what a server says first: its job and its index. Others are sent away."""
        size = len(self._job) + 4
        said = _received(peer, size - len(self._strangers[peer]))
        heard = self._strangers[peer] + said
        if said and len(heard) < size:
            self._strangers[peer] = heard
            return
        del self._strangers[peer]
        self._selector.unregister(peer)
        index = int.from_bytes(heard[-4:], "big")
        if said and heard.startswith(self._job) and index in self._absent:
            self._admit(peer, index)
        else:
            peer.close()

    def _admit(self, peer: socket.socket, index: int) -> None:
        peer.setblocking(False)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _ALIVE:
            if hasattr(socket, name):
                peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self._peers[peer] = index
        self._selector.register(peer, selectors.EVENT_READ)
        del self._absent[index]
        if not self._absent:
            self._deadline = float("inf")

    def _hear_peer(self, peer: socket.socket) -> None:
        index = self._peers[peer]
        if _received(peer, 1):
            self._done.add(index)
            if len(self._done) == len(self._names):
                self._deadline = time.monotonic() + END_SECONDS
            return
        del self._peers[peer]
        self._selector.unregister(peer)
        peer.close()
        if index not in self._done:
            self._end(f"{self._names[index]} is gone")

    def _look_at_clock(self) -> None:
        if time.monotonic() < self._deadline:
            return
        if self._absent:
            names = ", ".join(self._names[index] for index in self._absent)
            self._end(f"{names} did not come within {START_SECONDS:.0f} s")
        self._end(f"training is over, but this process did not end within {END_SECONDS:.0f} s")

    def _end(self, reason: str) -> None:
        """Ends the watched process, unless it is about to say itself why it ends."""
        time.sleep(1.0)
        if os.getppid() != self._watched:
            os._exit(0)
        os.write(2, f"error: {self._role.kind} {self._role.index}: {reason}\n".encode())
        with suppress(ProcessLookupError):
            os.kill(self._watched, signal.SIGKILL)  # it may be deep inside Paddle
        os._exit(0)


def _received(peer: socket.socket, size: int) -> bytes:
    try:
        return peer.recv(size)
    except OSError:  # reset: as good as closed
        return b""
