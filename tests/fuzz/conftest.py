"""How long to fuzz, and how many inputs that were: a line at the end of pytest's report."""

import os
from collections import Counter

import fuzz_guard
import hypothesis
import pytest

# What CI has for all targets; FUZZ_SECONDS=600 make fuzz goes on for as long for each of them.
LONG = int(os.environ.get("FUZZ_SECONDS", 0))
RUNS = 500  # inputs of a target, guided by coverage
EXAMPLES = 100  # of a test of Hypothesis
GUIDED: Counter = Counter()  # inputs that atheris tried, by target

hypothesis.settings.register_profile(
    "ci", max_examples=EXAMPLES, derandomize=True, deadline=None, database=None
)
hypothesis.settings.register_profile(
    "long", max_examples=max(EXAMPLES, 25 * LONG), deadline=None, print_blob=True
)
hypothesis.settings.load_profile("long" if LONG else "ci")


@pytest.fixture(scope="session")
def extent():
    """For how long each target is fuzzed, as fuzz.py takes it."""
    return ["--seconds", LONG] if LONG else ["--seconds", 30, "--runs", RUNS]


@pytest.fixture(scope="session")
def guided():
    """Where a test notes how many inputs atheris tried."""
    return GUIDED


@pytest.fixture(autouse=True)
def quiet():
    """Keeps the engine's warnings off the screen: there would be millions."""
    fuzz_guard.quiet(True)
    yield
    fuzz_guard.quiet(False)


@pytest.fixture(scope="session", autouse=True)
def scratch():
    """Removes what inputs left."""
    yield
    fuzz_guard.clean()


def pytest_terminal_summary(terminalreporter):
    by_atheris, by_hypothesis = (sum(c.values()) for c in (GUIDED, fuzz_guard.TRIED))
    if not by_atheris + by_hypothesis:
        return
    tried = GUIDED + fuzz_guard.TRIED
    each = ", ".join(f"{name} {tried[name]}" for name in sorted(tried))
    terminalreporter.write_line(
        f"fuzzed: {by_atheris + by_hypothesis} inputs (atheris {by_atheris}, Hypothesis "
        f"{by_hypothesis}): {each}"
    )
