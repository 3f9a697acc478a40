"""Roles in a parameter-server job, from environment variables."""

import pytest

from engine.parameter_servers import roles
from engine.system.errors import UserError

SERVERS, TRAINERS = "10.0.0.1:6170,10.0.0.2:6170", "10.0.0.1:6180,10.0.0.2:6180,10.0.0.3:6180"


@pytest.fixture
def environment(monkeypatch):
    """Sets Fleet's variables for the second of three trainers, with changes."""

    def make(**changed):
        values = {
            "PADDLE_PSERVERS_IP_PORT_LIST": SERVERS,
            "PADDLE_TRAINER_ENDPOINTS": TRAINERS,
            "PADDLE_TRAINERS_NUM": "3",
            "TRAINING_ROLE": "TRAINER",
            "PADDLE_TRAINER_ID": "1",
            "POD_IP": "10.0.0.2",
            "PADDLE_PORT": "6180",
            "PADDLE_WITH_GLOO": "1",
            "PADDLE_GLOO_RENDEZVOUS": "3",
            "PADDLE_GLOO_HTTP_ENDPOINT": "10.0.0.1:6190",
            **changed,
        }
        for name, value in values.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)

    return make


def test_a_trainer(environment):
    environment()
    role = roles.from_environment()
    assert (role.kind, role.index, role.endpoint) == ("trainer", 1, "10.0.0.2:6180")
    assert not role.is_server
    assert not role.is_first
    assert (len(role.servers), len(role.trainers)) == (2, 3)


def test_the_first_trainer(environment):
    environment(PADDLE_TRAINER_ID="0", POD_IP="10.0.0.1")
    assert roles.from_environment().is_first


def test_a_server(environment):
    environment(TRAINING_ROLE="PSERVER", PADDLE_PORT="6170", PADDLE_TRAINER_ID=None)
    role = roles.from_environment()
    assert (role.kind, role.index, role.is_first) == ("server", 1, False)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"PADDLE_PSERVERS_IP_PORT_LIST": None}, "PADDLE_PSERVERS_IP_PORT_LIST is not set"),
        ({"PADDLE_TRAINER_ENDPOINTS": "10.0.0.1"}, "expected host:port, found '10.0.0.1'"),
        (
            {"PADDLE_TRAINER_ENDPOINTS": "a:1,a:1,b:1"},
            "_ENDPOINTS: a:1 is listed twice",
        ),
        ({"PADDLE_TRAINERS_NUM": "2"}, "PADDLE_TRAINERS_NUM = 2: PADDLE_TRAINER_ENDPOINTS has 3"),
        ({"PADDLE_TRAINERS_NUM": "two"}, "PADDLE_TRAINERS_NUM = two: expected an integer"),
        ({"PADDLE_TRAINER_ID": "²"}, "PADDLE_TRAINER_ID = ²: expected an integer"),
        ({"PADDLE_TRAINER_ID": "-1"}, "PADDLE_TRAINER_ID = -1: expected an integer of at least 0"),
        ({"PADDLE_TRAINER_ENDPOINTS": "a:²,b:1,c:1"}, "expected host:port, found 'a:²'"),
        ({"TRAINING_ROLE": "WORKER"}, "TRAINING_ROLE = WORKER: expected PSERVER or TRAINER"),
        ({"PADDLE_TRAINER_ID": "3"}, "PADDLE_TRAINER_ID = 3: there are 3 trainers"),
        ({"PADDLE_TRAINER_ID": "2"}, "POD_IP:PADDLE_PORT = 10.0.0.2:6180: entry 2"),
        ({"TRAINING_ROLE": "PSERVER"}, "POD_IP:PADDLE_PORT = 10.0.0.2:6180: PADDLE_PSERVERS"),
        ({"PADDLE_WITH_GLOO": "0"}, "PADDLE_WITH_GLOO = 0: expected 1"),
        ({"PADDLE_GLOO_HTTP_ENDPOINT": ""}, "PADDLE_GLOO_HTTP_ENDPOINT is not set"),
    ],
)
def test_wrong_variables(environment, changed, words):
    environment(**changed)
    with pytest.raises(UserError) as caught:
        roles.from_environment()
    assert words in str(caught.value)
