"""Ends a process of a parameter-server job when another process of the job has died.

Fleet does not notice a dead process: a server waits forever for a trainer, and a trainer waits
minutes for a server. Both wait inside Paddle, where no Python code runs. So each process has a
watcher, a small process of its own. A server's watcher connects to every trainer's watcher, at the
trainer's endpoint, which Fleet does not use itself. When a process dies, the kernel closes its
watcher's connections.
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

START_SECONDS = 600.0  # until all processes have started: hosts may start at different times
END_SECONDS = 120.0  # from the end of training to the end of the process
_POLL_SECONDS = 0.3  # between two checks of the watched process and of absent processes
_PR_SET_PDEATHSIG = 1  # of Linux's prctl(2)
_DONE = b"."  # the message of a trainer whose training has ended
# A host that loses power closes no connection. Seconds of silence, between probes; their number.
_KEEP_ALIVE = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))


class Watch:
    """A process's connection to its watcher.

    Args:
        watcher: the watcher's process id.
        connection: a socket to the watcher.
    """

    def __init__(self, watcher: int, connection: socket.socket):
        self._watcher, self._connection = watcher, connection

    def finished(self) -> None:
        """Reports the end of training, after which other processes may end.

        It returns when the watcher has passed the report on.
        """
        self._connection.sendall(_DONE)
        self._connection.recv(1)

    def close(self) -> None:
        """Ends the watcher."""
        os.kill(self._watcher, signal.SIGKILL)
        os.waitpid(self._watcher, 0)
        self._connection.close()


def start(role: Role) -> Watch:
    """Starts the watcher of this process; call it before Paddle starts threads.

    Raises:
        UserError: a trainer's port is in use.
    """
    listener = None if role.is_server else _listen(role.endpoint)
    own_end, watcher_end = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    watched = os.getpid()
    watcher = os.fork()
    if watcher:
        watcher_end.close()
        if listener:
            listener.close()
        _end_children_with_this_process()
        return Watch(watcher, own_end)
    try:
        own_end.close()
        for number in (signal.SIGINT, signal.SIGTERM):  # they are for the watched process
            signal.signal(number, signal.SIG_IGN)
        _Watcher(role, watched, watcher_end, listener).run()
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(0)


def _end_children_with_this_process() -> None:
    """Lets Linux end the processes of Fleet's rendezvous when this process is killed."""
    if platform.system() != "Linux":
        return
    library = ctypes.CDLL(None)

    def end_with_parent() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    os.register_at_fork(after_in_child=end_with_parent)


def _listen(endpoint: str) -> socket.socket:
    host, _, port = endpoint.rpartition(":")
    try:
        listener = _bind(host, int(port))
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise UserError(
                f"PADDLE_PORT: cannot listen at {endpoint}: {error.strerror}"
            ) from error
        listener = _bind("", int(port))  # the address belongs to a gateway in front of this host
    listener.listen()
    listener.setblocking(False)
    return listener


def _bind(host: str, port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


class _Watcher:
    """The watcher's process.

    Args:
        role: the role of the watched process.
        watched: the id of the watched process.
        connection: a socket to the watched process.
        listener: a trainer's socket for the servers' watchers; None for a server.
    """

    def __init__(
        self, role: Role, watched: int, connection: socket.socket, listener: socket.socket | None
    ):
        self._role, self._watched = role, watched
        self._connection, self._listener = connection, listener
        others = role.trainers if role.is_server else role.servers
        kind = "trainer" if role.is_server else "server"
        self._names = [f"{kind} {index} ({other})" for index, other in enumerate(others)]
        self._absent = dict(enumerate(others))
        self._peers: dict[socket.socket, int] = {}
        self._unknown: dict[socket.socket, bytes] = {}  # the bytes received so far
        self._done: set[int] = set()
        self._deadline = time.monotonic() + START_SECONDS
        job = ";".join((",".join(role.servers), ",".join(role.trainers)))
        self._job = hashlib.sha256(job.encode()).digest()
        self._selector = selectors.DefaultSelector()
        self._selector.register(connection, selectors.EVENT_READ)
        if listener:
            self._selector.register(listener, selectors.EVENT_READ)

    def run(self) -> None:
        """Watches until the watched process has ended."""
        while os.getppid() == self._watched:
            ready = [key.fileobj for key, _ in self._selector.select(_POLL_SECONDS)]
            if self._connection in ready:  # first: after the end of training, others may end
                self._read_watched()
            for each in ready:
                if each is self._listener:
                    self._accept()
                elif each in self._unknown:
                    self._read_unknown(each)
                elif each in self._peers:
                    self._read_peer(each)
            if self._role.is_server:
                self._connect()
            self._check_deadline()

    def _read_watched(self) -> None:
        if not self._connection.recv(1):  # the process is ending
            self._selector.unregister(self._connection)
            return
        for peer in self._peers:
            with suppress(OSError):
                peer.sendall(_DONE)
        self._done = set(range(len(self._names)))
        self._deadline = time.monotonic() + END_SECONDS
        self._connection.sendall(_DONE)

    def _connect(self) -> None:
        for index, endpoint in list(self._absent.items()):
            host, _, port = endpoint.rpartition(":")
            try:
                peer = socket.create_connection((host, int(port)), timeout=1)
                peer.sendall(self._job + self._role.index.to_bytes(4, "big"))
            except OSError:  # the trainer has not started yet
                continue
            self._admit(peer, index)

    def _accept(self) -> None:
        with suppress(OSError):  # the other side has closed the connection
            peer, _ = self._listener.accept()
            peer.setblocking(False)
            self._unknown[peer] = b""
            self._selector.register(peer, selectors.EVENT_READ)

    def _read_unknown(self, peer: socket.socket) -> None:
        """Reads a server's first message, its job and its index; closes other connections."""
        size = len(self._job) + 4
        part = _receive(peer, size - len(self._unknown[peer]))
        message = self._unknown[peer] + part
        if part and len(message) < size:
            self._unknown[peer] = message
            return
        del self._unknown[peer]
        self._selector.unregister(peer)
        index = int.from_bytes(message[-4:], "big")
        if part and message.startswith(self._job) and index in self._absent:
            self._admit(peer, index)
        else:
            peer.close()

    def _admit(self, peer: socket.socket, index: int) -> None:
        peer.setblocking(False)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE:
            if hasattr(socket, name):
                peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self._peers[peer] = index
        self._selector.register(peer, selectors.EVENT_READ)
        del self._absent[index]
        if not self._absent:
            self._deadline = float("inf")

    def _read_peer(self, peer: socket.socket) -> None:
        index = self._peers[peer]
        if _receive(peer, 1):
            self._done.add(index)
            if len(self._done) == len(self._names):
                self._deadline = time.monotonic() + END_SECONDS
            return
        del self._peers[peer]
        self._selector.unregister(peer)
        peer.close()
        if index not in self._done:
            self._end(f"{self._names[index]} has ended")

    def _check_deadline(self) -> None:
        if time.monotonic() < self._deadline:
            return
        if self._absent:
            names = ", ".join(self._names[index] for index in self._absent)
            self._end(f"{names} did not start within {START_SECONDS:.0f} s")
        self._end(f"training has ended, but this process did not end within {END_SECONDS:.0f} s")

    def _end(self, reason: str) -> None:
        """Ends the watched process, unless it ends by itself with its own error."""
        time.sleep(1.0)  # for its own error
        if os.getppid() != self._watched:
            os._exit(0)
        os.write(2, f"error: {self._role.kind} {self._role.index}: {reason}\n".encode())
        with suppress(ProcessLookupError):
            os.kill(self._watched, signal.SIGKILL)  # others have no effect inside Paddle
        os._exit(0)


def _receive(peer: socket.socket, size: int) -> bytes:
    try:
        return peer.recv(size)
    except OSError:  # a reset counts as the end of the connection
        return b""
