"""Hypothesis damages files that are no text: each is read as numbers, or refused; none runs."""

import functools

import binary_files
import pytest
import rate_files_fuzzed
import table_files_fuzzed
from hypothesis import given
from hypothesis import strategies as st

SEEDS = {
    "pdparams": binary_files.pickle_seeds,
    "safetensors": binary_files.safetensors_seeds,
    "npz": binary_files.npz_seeds,
}


pieces = st.sampled_from(binary_files.TOKENS) | st.binary(max_size=4)


@st.composite
def damaged(draw, seeds):
    """A file with some bytes changed, put in, taken out, or its end cut off."""
    content = bytearray(draw(st.sampled_from(seeds())))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(content)))
        kind = draw(st.integers(0, 3))
        if kind == 0:
            content[place : place + 1] = draw(st.binary(min_size=1, max_size=1))
        elif kind == 1:
            content[place:place] = draw(
                st.sampled_from(binary_files.TOKENS) | st.binary(max_size=4)
            )
        elif kind == 2:
            del content[place : place + draw(st.integers(1, 8))]
        else:
            del content[place:]
    return bytes(content)


@pytest.mark.parametrize("ending", SEEDS)
@given(data=st.data())
def test_checkpoints(data, ending):
    binary_files.check_checkpoint(data.draw(damaged(SEEDS[ending])), ending)


@given(damaged(binary_files.copy_seeds))
def test_parsed_copies(content):
    binary_files.check_copy(content)


@pytest.mark.parametrize("name", binary_files.PAIRS)
@given(data=st.data())
def test_digit_pairs(data, name):
    seeds = functools.partial(binary_files.pair_seeds, name)
    binary_files.check_pairs(data.draw(damaged(seeds)), name)


@given(damaged(table_files_fuzzed.vocabulary_seeds))
def test_vocabularies(content):
    table_files_fuzzed.check_vocabulary(content)


@given(damaged(rate_files_fuzzed.seeds))
def test_sums_of_rates(content):
    rate_files_fuzzed.check(content)
