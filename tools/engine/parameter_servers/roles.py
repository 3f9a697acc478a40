"""What a process is in a parameter-server job, from the environment that Fleet expects."""

from __future__ import annotations

import os
from dataclasses import dataclass

from engine.system import integers
from engine.system.errors import UserError

HTTP = "3"  # Fleet's number for gloo's rendezvous over HTTP, the one that its launcher sets

_START = (
    "start with python -m paddle.distributed.launch --server_num 1 --trainer_num 2 "
    "tools/static_ps_trainer.py -m ..., or see docs/parameter_server.md"
)


@dataclass(frozen=True)
class Role:
    """One process of a job.

    Attributes:
        kind: ``server`` or ``trainer``.
        index: which of its kind.
        servers: the servers' endpoints, ``host:port``.
        trainers: the trainers' endpoints.
    """

    kind: str
    index: int
    servers: tuple[str, ...]
    trainers: tuple[str, ...]

    @property
    def is_server(self) -> bool:
        """Whether the process keeps tables; else it trains."""
        return self.kind == "server"

    @property
    def is_first(self) -> bool:
        """Whether the process is the trainer that saves and logs for all."""
        return not self.is_server and self.index == 0

    @property
    def endpoint(self) -> str:
        """The process's own endpoint."""
        return (self.servers if self.is_server else self.trainers)[self.index]


def from_environment() -> Role:
    """Returns the role that the environment gives this process.

    Raises:
        UserError: a variable is missing, or contradicts another.
    """
    servers = _endpoints("PADDLE_PSERVERS_IP_PORT_LIST")
    trainers = _endpoints("PADDLE_TRAINER_ENDPOINTS")
    if _whole("PADDLE_TRAINERS_NUM") != len(trainers):
        raise UserError(
            f"PADDLE_TRAINERS_NUM = {os.environ['PADDLE_TRAINERS_NUM']}: PADDLE_TRAINER_ENDPOINTS "
            f"names {len(trainers)}"
        )
    _check_gloo()
    own = f"{_value('POD_IP')}:{_value('PADDLE_PORT')}"
    role = _value("TRAINING_ROLE")
    if role == "PSERVER":
        if own not in servers:
            raise _not_among(own, "PADDLE_PSERVERS_IP_PORT_LIST", servers)
        return Role("server", servers.index(own), servers, trainers)
    if role != "TRAINER":
        raise UserError(f"TRAINING_ROLE = {role}: expected PSERVER or TRAINER")
    index = _whole("PADDLE_TRAINER_ID")
    if not 0 <= index < len(trainers):
        raise UserError(f"PADDLE_TRAINER_ID = {index}: there are {len(trainers)} trainers")
    if trainers[index] != own:
        raise _not_among(own, f"entry {index} of PADDLE_TRAINER_ENDPOINTS", (trainers[index],))
    return Role("trainer", index, servers, trainers)


def _check_gloo() -> None:
    """Makes sure that trainers can wait for each other: without gloo, Fleet's barriers do nothing.

    Raises:
        UserError: they cannot.
    """
    expected = {"PADDLE_WITH_GLOO": "1", "PADDLE_GLOO_RENDEZVOUS": HTTP}
    for name, value in expected.items():
        if _value(name) != value:
            raise UserError(f"{name} = {os.environ[name]}: expected {value}; {_START}")
    _endpoints("PADDLE_GLOO_HTTP_ENDPOINT")


def _not_among(own: str, name: str, expected: tuple[str, ...]) -> UserError:
    return UserError(f"POD_IP:PADDLE_PORT = {own}: {name} is {','.join(expected)}")


def _value(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise UserError(f"{name} is not set in the environment; {_START}")
    return value


def _whole(name: str) -> int:
    value = _value(name)
    try:
        return integers.parse(value)
    except ValueError:
        raise UserError(f"{name} = {value}: expected an integer") from None


def _is_port(text: str) -> bool:
    try:
        return 0 < integers.parse(text) < 65536
    except ValueError:
        return False


def _endpoints(name: str) -> tuple[str, ...]:
    found = tuple(_value(name).split(","))
    for endpoint in found:
        host, _, port = endpoint.rpartition(":")
        if not host or not _is_port(port):
            raise UserError(f"{name}: expected host:port, found {endpoint!r}")
    if len(set(found)) != len(found):
        raise UserError(f"{name}: an endpoint stands there twice")
    return found
