from __future__ import annotations

import base64
import datetime
import io
import os
import pickle
from contextlib import suppress

import numpy as np
import pytest

from datasets.Multi_MNIST_DselectK.unpickle import load_arrays
from datasets.readers import array_pickle

# (uint8 [2, 3], int32 [2, 2]) as numpy 1.26 pickles them, by protocol.
NUMPY_1 = {
    2: (
        "gAJjbnVtcHkuY29yZS5tdWx0aWFycmF5Cl9yZWNvbnN0cnVjdApxAGNudW1weQpuZGFycmF5CnEBSwCFcQJj"
        "X2NvZGVjcwplbmNvZGUKcQNYAQAAAGJxBFgGAAAAbGF0aW4xcQWGcQZScQeHcQhScQkoSwFLAksDhnEKY251"
        "bXB5CmR0eXBlCnELWAIAAAB1MXEMiYiHcQ1ScQ4oSwNYAQAAAHxxD05OTkr/////Sv////9LAHRxEGKJaANY"
        "DAAAAMO6w7vDvMO9w77Dv3ERaAWGcRJScRN0cRRiaABoAUsAhXEVaAeHcRZScRcoSwFLAksChnEYaAtYAgAA"
        "AGk0cRmJiIdxGlJxGyhLA1gBAAAAPHEcTk5OSv////9K/////0sAdHEdYoloA1gUAAAAAQAAAAIAAAADAAAA"
        "w7zDv8O/w79xHmgFhnEfUnEgdHEhYoZxIi4="
    ),
    4: (
        "gASV5gAAAAAAAACMFW51bXB5LmNvcmUubXVsdGlhcnJheZSMDF9yZWNvbnN0cnVjdJSTlIwFbnVtcHmUjAdu"
        "ZGFycmF5lJOUSwCFlEMBYpSHlFKUKEsBSwJLA4aUaAOMBWR0eXBllJOUjAJ1MZSJiIeUUpQoSwOMAXyUTk5O"
        "Sv////9K/////0sAdJRiiUMG+vv8/f7/lHSUYmgCaAVLAIWUaAeHlFKUKEsBSwJLAoaUaAyMAmk0lImIh5RS"
        "lChLA4wBPJROTk5K/////0r/////SwB0lGKJQxABAAAAAgAAAAMAAAD8////lHSUYoaULg=="
    ),
    5: (
        "gAWVzAAAAAAAAACMEm51bXB5LmNvcmUubnVtZXJpY5SMC19mcm9tYnVmZmVylJOUKJYGAAAAAAAAAPr7/P3+"
        "/5SMBW51bXB5lIwFZHR5cGWUk5SMAnUxlImIh5RSlChLA4wBfJROTk5K/////0r/////SwB0lGJLAksDhpSM"
        "AUOUdJRSlGgCKJYQAAAAAAAAAAEAAAACAAAAAwAAAPz///+UaAaMAmk0lImIh5RSlChLA4wBPJROTk5K////"
        "/0r/////SwB0lGJLAksChpRoDXSUUpSGlC4="
    ),
}
ARRAYS = (np.array([[250, 251, 252], [253, 254, 255]], "u1"), np.array([[1, 2], [3, -4]], "i4"))
# An array as Python 2 pickles it: its bytes are texts.
PYTHON_2 = (
    b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x02K"
    b"\x03\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK"
    b"\x00tb\x89U\x06\xfa\xfb\xfc\xfd\xfe\xfftb."
)
REFUSED = r"some\.pickle: expected a pickle of only NumPy arrays \("


def load(content: bytes) -> list[np.ndarray]:
    return load_arrays(io.BytesIO(content), "some.pickle")


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert (one.shape, one.dtype) == (other.shape, other.dtype.newbyteorder("="))
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", [tuple, list])
def test_arrays_of_every_protocol(protocol, kind):
    arrays = (*ARRAYS, np.asfortranarray(ARRAYS[0]), np.arange(5, dtype=">i8"))
    assert_same(load(pickle.dumps(kind(arrays), protocol)), arrays)


@pytest.mark.parametrize("protocol", NUMPY_1)
def test_files_of_numpy_1(protocol):
    content = base64.b64decode(NUMPY_1[protocol])
    assert b"numpy.core" in content
    assert_same(load(content), ARRAYS)


def test_files_of_python_2():
    assert_same(load(PYTHON_2), ARRAYS[:1])
    assert_same([pickle.loads(PYTHON_2, encoding="latin1")], ARRAYS[:1])


class Call:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("place", ["alone", "beside", "within"])
def test_nothing_that_a_pickle_names_is_called(tmp_path, protocol, place):
    trace = tmp_path / "trace"
    attack = Call(os.system, f"touch {trace}")
    objects = np.empty(1, object)
    objects[0] = attack
    content = {"alone": attack, "beside": (*ARRAYS, attack), "within": (objects,)}[place]
    content = pickle.dumps(content, protocol)
    with pytest.raises(
        ValueError, match=r"some\.pickle: expected a pickle of only NumPy arrays \("
    ) as error:
        load(content)
    if place != "within":  # an array of objects is refused for its dtype first
        assert f"it names {os.system.__module__}.system" in str(error.value)
    assert not trace.exists()
    pickle.loads(content)  # the attack is one
    assert trace.exists()


@pytest.mark.parametrize(
    ("named", "complaint"),
    [
        ((eval, "1"), "it names __builtin__.eval"),
        ((getattr, "text", "format"), "it names __builtin__.getattr"),
        ((np.load, "x.npy"), r"it names numpy\S*\.load"),
        ((np.dtype, "O"), "expected a dtype of numbers, found 'O'"),
        ((np.dtype, "V8"), "expected a dtype of numbers, found 'V8'"),
        ((np.dtype, [("a", "u1")]), r"expected a dtype of numbers, found \[\('a', 'u1'\)\]"),
        ((datetime.date, 2020, 1, 1), r"it names datetime\.date"),
    ],
)
def test_other_names_and_types(named, complaint):
    with pytest.raises(ValueError, match=complaint):
        load(pickle.dumps((Call(*named),), 2))


@pytest.mark.parametrize("known", sorted(array_pickle._REPLACEMENTS))
@pytest.mark.parametrize("arguments", [b"(t", b"(I1\nt", b"(I1\nVx\n(t(tt", b"((ttt"])
def test_forged_arguments_and_states(known, arguments):
    """What the admitted names are called with, and what their objects are set to."""
    module, name = known.rsplit(".", 1)
    named = f"c{module}\n{name}\n".encode()
    for content in (named + b".", named + arguments + b"R.", named + arguments + b"R(I1\ntb."):
        with pytest.raises(ValueError, match=REFUSED):
            load(content)


def test_forged_shape_is_no_larger_than_its_bytes():
    content = PYTHON_2.replace(b"K\x02K\x03\x86", b"K\xffK\xff\x86")
    with pytest.raises(ValueError, match="cannot reshape array of size 6"):
        load(content)


@pytest.mark.parametrize(
    "content", [b"\x80\x04Nr\xff\xff\xff\xff.", b"\x80\x05\x96\0\0\0\0\0\x01\0\0x."]
)
def test_forged_numbers_take_no_memory(content):
    """The place of a memo, and the length of bytes: 32 and 1,024 GiB to the unpickler in C."""
    with pytest.raises(ValueError, match=r"some\.pickle"):
        load(content)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_every_truncation_is_one_error(protocol):
    content = pickle.dumps(ARRAYS, protocol)
    for length in range(len(content)):
        with pytest.raises(ValueError, match=REFUSED):
            load(content[:length])


def test_damaged_bytes_never_raise_anything_else():
    content = np.frombuffer(pickle.dumps(ARRAYS, 4), np.uint8)
    random = np.random.RandomState(1)
    for _ in range(2_000):
        damaged = content.copy()
        damaged[random.randint(len(content), size=2)] = random.randint(256, size=2)
        with suppress(ValueError):
            assert all(type(array) is np.ndarray for array in load(damaged.tobytes()))


@pytest.mark.parametrize(
    ("content", "held"),
    [((ARRAYS[0], 7), "Array, int"), ("text", "str"), ({"images": 1}, "dict")],
)
def test_other_objects(content, held):
    with pytest.raises(ValueError, match=f"some.pickle: .*it holds {held}"):
        load(pickle.dumps(content))


def test_a_pickle_cannot_change_the_functions_that_read_it():
    """A state given to a function sets its attributes, for all pickles that come after."""
    state = b"(N}X\x0c\x00\x00\x00__defaults__(K\x07ts\x86"[1:]
    content = b"\x80\x02c_codecs\nencode\n" + state + b"b."
    with pytest.raises(ValueError, match="found that of a function"):
        load_arrays(io.BytesIO(content), "x")
    assert array_pickle._encode.__defaults__ is None
