"""The meter and the phases, with a clock that only the tests move."""

import threading
import time

import pytest

from benchmarking.meter import WARM_UP, Meter
from benchmarking.phases import Phases


class Time:
    """Stands in for time.perf_counter."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Time()
    monkeypatch.setattr(time, "perf_counter", made)
    return made


class Rows:
    """A source of batches."""

    def __init__(self, batches, clock):
        self._batches = batches
        self._clock = clock

    def __len__(self):
        return self._batches

    def batches(self, epoch):
        for number in range(self._batches):
            self._clock.now += 3
            yield number


class Stream(Rows):
    def __len__(self):
        raise TypeError


class Session:
    def __init__(self, clock):
        self._clock = clock
        self._contract = self

    def batches(self, source, epoch):
        for number in source.batches(epoch):
            self._clock.now += 10
            yield number, 4

    def create_loss(self):
        self._clock.now += 200

    def train_forward(self):
        self._clock.now += 1000
        self.create_loss()
        self._clock.now += 500


def nothing():
    pass


def epoch(meter, session, source, step):
    for _ in meter.wrap(session.batches)(source, 0):
        step()


@pytest.mark.parametrize(
    ("batches", "warm_up"), [(400, WARM_UP), (40, 10), (3, 0)], ids=["long", "short", "tiny"]
)
def test_the_warm_up_does_not_count(clock, batches, warm_up):
    def step():
        clock.now += 100

    meter, session = Meter(None, nothing), Session(clock)
    epoch(meter, session, Rows(batches, clock), step)
    assert (meter.batches, meter.rows) == (batches - warm_up, 4 * (batches - warm_up))
    assert meter.all_rows == 4 * batches
    assert meter.seconds == 113 * (batches - warm_up)
    clock.now += 10_000  # saving
    epoch(meter, session, Rows(batches, clock), step)
    assert meter.batches == 2 * batches - warm_up
    assert meter.seconds == 113 * meter.batches


def test_a_limit_ends_an_epoch_early(clock):
    meter = Meter(5, nothing)
    epoch(meter, Session(clock), Rows(100, clock), nothing)
    assert (meter.batches, meter.all_rows) == (5, 4 * 30)


def test_a_stream_of_unknown_length(clock):
    meter = Meter(None, nothing)
    epoch(meter, Session(clock), Stream(80, clock), nothing)
    assert (meter.batches, meter.all_rows) == (80 - WARM_UP, 4 * 80)


def test_a_batch_that_is_only_fetched_does_not_count(clock):
    meter = Meter(None, nothing)
    taken = meter.wrap(Session(clock).batches)(Rows(8, clock), 0)
    next(taken)
    taken.close()
    assert meter.batches == meter.all_rows == 0


def test_the_clock_waits_for_the_device(clock):
    def wait():
        clock.now += 1_000

    meter = Meter(None, wait)
    epoch(meter, Session(clock), Rows(4, clock), nothing)
    assert meter.seconds == 3 * 13 + 1_000  # the wait before the start does not count


def test_a_phase_inside_another_is_not_part_of_it(clock):
    phases, session = Phases(nothing), Session(clock)
    phases.watch(session)
    meter = Meter(None, nothing, phases)

    def step():
        session.train_forward()
        clock.now += 7

    epoch(meter, session, Rows(40, clock), step)
    found = {name: seconds / meter.batches for name, seconds in phases.seconds.items()}
    assert found == {"read": 3, "transfer": 10, "forward": 1500, "loss": 200, "other": 7}
    assert sum(phases.seconds.values()) == meter.seconds


def test_other_threads_are_not_timed(clock):
    phases, session = Phases(nothing), Session(clock)
    phases.watch(session)
    phases.start()
    beside = threading.Thread(target=session.train_forward)
    beside.start()
    beside.join()
    phases.stop()
    assert set(phases.seconds) == {"other"}
