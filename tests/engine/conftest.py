"""What tests of the engine share."""

import signal
from contextlib import contextmanager

import pytest

from engine.system import interrupts


@pytest.fixture
def signal_at(monkeypatch):
    """Returns a context in which a signal comes where the engine looks for the n-th time."""

    @contextmanager
    def coming(number):
        count = 0

        def check():
            nonlocal count
            count += 1
            if count == number:
                raise interrupts.Interrupted(signal.SIGTERM)

        with monkeypatch.context() as patched:
            patched.setattr(interrupts, "check", check)
            yield

    return coming
