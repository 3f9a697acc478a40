"""Targets of files that are no text: checkpoints, parsed copies, Multi-MNIST's pairs."""

from __future__ import annotations

import collections
import io
import os
import pickle
import zipfile

import numpy as np
from fuzz_guard import FaultError, put, refusal, watched

from datasets.Multi_MNIST_DselectK.pairs import DigitPairs
from datasets.readers import text_matrix
from engine.checkpoints import formats
from engine.system.errors import UserError

ENDINGS = ("pdparams", "safetensors", "npz")
PAIRS = ("pairs.pickle", "pairs.npz", "x_images.npy", "x_labels.npy")


def check_checkpoint(content: bytes, ending: str) -> None:
    """A checkpoint is a dictionary of numbers and names, or refused by name; it runs nothing."""
    with watched(f"checkpoint.{ending}") as folder:
        path = put(folder, f"rec.{ending}", content)
        try:
            found = formats.read(path)
        except UserError as error:
            refusal(error, 4 * len(content), path)
            return
        if not isinstance(found, dict):
            raise FaultError(f"read as {type(found).__name__}")
        _only_numbers(found, set())


def _only_numbers(value: object, seen: set[int]) -> None:
    if id(value) in seen:
        return
    if isinstance(value, dict):
        seen.add(id(value))
        for name, item in value.items():
            _only_numbers(name, seen)
            _only_numbers(item, seen)
    elif isinstance(value, (list, tuple)):
        seen.add(id(value))
        for item in value:
            _only_numbers(item, seen)
    elif isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise FaultError("an array of objects")
        value.tobytes()  # each byte of it can be read
    elif value is not None and not isinstance(value, (str, bytes, int, float, np.generic)):
        raise FaultError(f"it holds a {type(value).__name__}")


def check_copy(content: bytes) -> None:
    """Whatever stands where a parsed copy should has other checksums, and the file is parsed."""
    with watched("copy") as folder:
        path = put(folder, "x.csv", b"1,2\n3,4\n")
        text_matrix.load(path, 2, folder)
        (copy,) = (name for name in os.listdir(folder) if name.startswith(".x.csv"))
        put(folder, copy, content)
        found = text_matrix.load(path, 2, folder)
        if found.dtype != np.float32 or found.tolist() != [[1, 2], [3, 4]]:
            raise FaultError(f"it was read as {found.dtype} {found.tolist()}")


def check_pairs(content: bytes, name: str) -> None:
    """Digit pairs are images and digits, or refused by name; a pickle runs nothing."""
    with watched("pairs") as folder:
        path = put(folder, name, content)
        paths = [path]
        if name.endswith(".npy"):
            part = "labels" if "images" in name else "images"
            other = _npy(LABELS if part == "labels" else IMAGES)
            paths.append(put(folder, f"x_{part}.npy", other))
        try:
            pairs = DigitPairs(sorted(paths))
            images, labels = pairs.take(slice(0, len(pairs)))
        except ValueError as error:
            refusal(error, len(content), folder)
            return
        good = images.dtype == np.uint8 and images.shape[1:] == (36, 36)
        if not good or labels.shape != (len(images), 2) or labels.min() < 0 or labels.max() > 9:
            raise FaultError(f"images {images.dtype} {images.shape}, labels {labels.tolist()}")
        images.tobytes()


IMAGES = np.zeros((2, 36, 36), np.uint8)
LABELS = np.array([[1, 2], [3, 4]])


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


class _Runs:
    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


def pickle_seeds() -> list[bytes]:
    """Checkpoints as Paddle writes them, somebody's programs, and tuples that grow without end."""
    arrays = {"w": np.arange(4, dtype="f4"), "b": ("name", np.ones((2, 2), ">f8")), "n": 7}
    tree = {"LR_Scheduler": {"last_epoch": 1, "last_lr": 0.1}, **arrays}
    ordered = collections.OrderedDict(a=np.float32(2))
    doubled: tuple = ()
    for _ in range(40):
        doubled = (doubled, doubled)
    circle: list = []
    circle.append(circle)
    runs = {"a": _Runs(os.system, "touch x"), "b": _Runs(getattr, "text", "upper")}
    contents = [tree, ordered, {"x": circle}, runs, [1], {}, {b"a": [None, True]}]
    written = [pickle.dumps(content, protocol) for content in contents for protocol in (2, 4, 5)]
    return [*written, pickle.dumps({"x": doubled})]


def safetensors_seeds() -> list[bytes]:
    """Arrays, the tree beside them, and metadata that is none."""
    from safetensors.numpy import save

    arrays = {"a/w": np.arange(4, dtype="f4"), "b": np.ones((2, 2), "i8")}
    rests = ['{"a": {"n": 1}}', "[]", "1", '{"a": [1]}', "{", "[" * 3000, '"a"']
    files = [save(arrays, {"rest": rest}) for rest in rests]
    return [*files, save({}, {"rest": "[]"}), save({}, {"rest": "null"}), save(arrays)]


def npz_seeds() -> list[bytes]:
    """An archive of arrays, one of other things, and no archive."""
    streams = [io.BytesIO() for _ in range(4)]
    np.savez(streams[0], epoch=np.int64(1), order=np.arange(5))
    np.savez(streams[1], x=np.array([{}], object))
    with zipfile.ZipFile(streams[2], "w") as archive:
        archive.writestr("a.npy", b"no array")
        archive.writestr("b", b"text")
    np.save(streams[3], np.arange(3))
    return [stream.getvalue() for stream in streams]


def copy_seeds() -> list[bytes]:
    """The right copy, others, an archive, a pickle."""
    tables = [np.ones((2, 2), "f4"), np.ones((2, 2), "f8"), np.ones(4, "f4"), np.ones((2, 3), "f4")]
    tables += [np.asfortranarray(np.ones((3, 2), "f4")), np.array([["a", {}]], object)]
    whole = [_npy(table) for table in tables]
    wide = whole[0].replace(b"(2, 2)", b"(9**9)")
    return [
        *whole,
        whole[0][:90],
        whole[0][:10],
        wide,
        *npz_seeds(),
        pickle.dumps([1, 2]),
        b"PK\3\4",
    ]


def pair_seeds(name: str) -> list[bytes]:
    """The two arrays in the form that a name asks for, and wrong ones."""
    if name.endswith(".npz"):
        streams = [io.BytesIO() for _ in range(3)]
        np.savez_compressed(streams[0], images=IMAGES, labels=LABELS)
        np.savez(streams[1], images=IMAGES)
        np.savez(streams[2], images=IMAGES, labels=LABELS + 9)
        return [stream.getvalue() for stream in streams] + npz_seeds()
    if name.endswith(".npy"):
        arrays = [IMAGES, LABELS, LABELS * 9, LABELS.astype("f4"), IMAGES[:1]]
        return [_npy(array) for array in arrays] + copy_seeds()
    contents = [(IMAGES, LABELS), (IMAGES, LABELS * 9), [IMAGES], IMAGES, _Runs(os.system, "x")]
    return [pickle.dumps(content, protocol) for content in contents for protocol in (0, 2, 4, 5)]


TOKENS = [b"\x93NUMPY\1\0", b"'descr': ", b"'shape': ", b"'|O'", b"(10**9,)", b"PK\3\4", b"PK\5\6"]
TOKENS += [
    b"cos\nsystem\n",
    b"cnumpy\ndtype\n",
    b"cnumpy\nndarray\n",
    b"(lp0\n",
    b"\x81",
    b"R",
    b"b",
]
TOKENS += [
    b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x96\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"2",
    b"\x86",
]
TOKENS += [b'"dtype":"F32"', b'"data_offsets":[0,16]', b'"__metadata__":{"rest":"', b"cnumpy.core"]
