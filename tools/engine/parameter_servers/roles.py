"""Reads a process's role in a parameter-server job from Fleet's environment variables."""

from __future__ import annotations

import os
from dataclasses import dataclass

from engine.distributed.launch_environment import parse_endpoints, parse_integer
from engine.system.errors import UserError

HTTP = "3"  # Fleet's number for gloo's rendezvous over HTTP, which its launcher sets

_START = (
    "start with python -m paddle.distributed.launch --server_num 1 --trainer_num 2 "
    "tools/static_ps_trainer.py -m ..., or see docs/parameter_server.md"
)


@dataclass(frozen=True)
class Role:
    """One process of a job.

    Attributes:
        kind: ``server`` or ``trainer``.
        index: the process's number among those of its kind.
        servers: the servers' endpoints, ``host:port``.
        trainers: the trainers' endpoints.
    """

    kind: str
    index: int
    servers: tuple[str, ...]
    trainers: tuple[str, ...]

    @property
    def is_server(self) -> bool:
        """Whether the process keeps tables; if not, it trains."""
        return self.kind == "server"

    @property
    def is_first(self) -> bool:
        """Whether the process is the trainer that saves for all."""
        return not self.is_server and self.index == 0

    @property
    def endpoint(self) -> str:
        """The process's endpoint."""
        return (self.servers if self.is_server else self.trainers)[self.index]


def from_environment() -> Role:
    """Returns the role of this process.

    Raises:
        UserError: a variable is missing or wrong, or contradicts another.
    """
    servers = _endpoints("PADDLE_PSERVERS_IP_PORT_LIST")
    trainers = _endpoints("PADDLE_TRAINER_ENDPOINTS")
    number = _integer("PADDLE_TRAINERS_NUM")
    if number != len(trainers):
        raise UserError(
            f"PADDLE_TRAINERS_NUM = {number}: PADDLE_TRAINER_ENDPOINTS has {len(trainers)}"
        )
    _check_gloo()
    endpoint = f"{_value('POD_IP')}:{_value('PADDLE_PORT')}"
    role = _value("TRAINING_ROLE")
    if role == "PSERVER":
        if endpoint not in servers:
            raise _not_listed(endpoint, "PADDLE_PSERVERS_IP_PORT_LIST", servers)
        return Role("server", servers.index(endpoint), servers, trainers)
    if role != "TRAINER":
        raise UserError(f"TRAINING_ROLE = {role}: expected PSERVER or TRAINER")
    index = _integer("PADDLE_TRAINER_ID")
    if index >= len(trainers):
        raise UserError(f"PADDLE_TRAINER_ID = {index}: there are {len(trainers)} trainers")
    if trainers[index] != endpoint:
        entry = f"entry {index} of PADDLE_TRAINER_ENDPOINTS"
        raise _not_listed(endpoint, entry, (trainers[index],))
    return Role("trainer", index, servers, trainers)


def _check_gloo() -> None:
    """Checks that gloo is switched on: without it, Fleet's barriers do nothing.

    Raises:
        UserError: it is not.
    """
    expected = {"PADDLE_WITH_GLOO": "1", "PADDLE_GLOO_RENDEZVOUS": HTTP}
    for name, value in expected.items():
        if _value(name) != value:
            raise UserError(f"{name} = {os.environ[name]}: expected {value}; {_START}")
    _endpoints("PADDLE_GLOO_HTTP_ENDPOINT")


def _not_listed(endpoint: str, name: str, expected: tuple[str, ...]) -> UserError:
    return UserError(f"POD_IP:PADDLE_PORT = {endpoint}: {name} is {','.join(expected)}")


def _value(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise UserError(f"{name} is not set in the environment; {_START}")
    return value


def _integer(name: str) -> int:
    return parse_integer(name, _value(name))


def _endpoints(name: str) -> tuple[str, ...]:
    return parse_endpoints(name, _value(name))
