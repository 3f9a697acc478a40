"""Reads and writes a checkpoint's files: Paddle's pickles, safetensors, and NumPy's `.npz`."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle

from engine.checkpoints import safe_pickle
from engine.system.errors import UserError

# The parts of a checkpoint have the names of Paddle's file endings: `pdparams`, `pdopt` and, with
# `runner.ema_decay`, `pdema`. The checkpoint of an interrupted run also has its progress.
PROGRESS = "progress.npz"
AVERAGES = "pdema"
ENDINGS = {
    "paddle": {},
    "safetensors": {
        "pdparams": "safetensors",
        "pdopt": "opt.safetensors",
        "pdema": "ema.safetensors",
    },
}

_NAME_TABLE = "StructuredToParameterName@@"  # Paddle's key for the variable names of a dygraph net
_REST = "rest"  # key of safetensors' metadata: all values that are not arrays, as JSON


def check_installed(form: str) -> None:
    """Checks that the package of a format is installed.

    Args:
        form: ``runner.checkpoint_format``.

    Raises:
        UserError: it is not.
    """
    if form == "safetensors" and not importlib.util.find_spec("safetensors"):
        raise UserError(
            "runner.checkpoint_format = safetensors needs safetensors: pip install safetensors"
        )


def ending(part: str, form: str) -> str:
    """Returns the file ending of a part in a format."""
    return ENDINGS[form].get(part, part)


def find(stem: str, part: str) -> str:
    """Returns the path of a part, in the format in which it exists.

    Args:
        stem: the path without ending.
        part: ``pdparams``, ``pdopt``, ``pdema`` or ``progress.npz``.
    """
    paths = [f"{stem}.{ending(part, form)}" for form in ENDINGS]
    return next((path for path in paths if os.path.isfile(path)), paths[0])


def write(path: str, content: Mapping[str, Any]) -> None:
    """Writes a file in the format of its ending.

    Raises:
        OSError: the file cannot be written.
    """
    if path.endswith(".npz"):
        with open(path, "wb") as file:
            np.savez(file, **content)
    elif path.endswith(".safetensors"):
        _write_safetensors(path, content)
    else:
        paddle.save(content, path)


def read(path: str) -> dict[str, Any]:
    """Reads a file in the format of its ending; the arrays are NumPy's.

    The file may come from an untrusted source: no code that it names is run.

    Raises:
        UserError: the file is missing or damaged, or names code.
    """
    if not os.path.isfile(path):
        raise UserError(f"there is no checkpoint {path}")
    try:
        if path.endswith(".npz"):
            with np.load(path) as file:
                return dict(file)
        if path.endswith(".safetensors"):
            return _read_safetensors(path)
        with open(path, "rb") as file:
            content = safe_pickle.load(file)
        content.pop(_NAME_TABLE, None)
        return content
    except UserError:
        raise
    except safe_pickle.ForeignName as error:
        raise UserError(
            f"{path} contains more than arrays: {error}, which was not run; a checkpoint from "
            "Paddle names only arrays"
        ) from error
    except Exception as error:  # whatever a damaged file raises
        raise UserError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def _write_safetensors(path: str, content: Mapping[str, Any]) -> None:
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    arrays: dict[str, np.ndarray] = {}
    rest = _split(content, "", arrays)
    try:
        save_file(arrays, path, metadata={_REST: json.dumps(rest)})
    except SafetensorError as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error


def _split(content: Mapping[str, Any], prefix: str, arrays: dict[str, np.ndarray]) -> dict:
    """Adds the arrays of nested mappings to ``arrays``; returns the mappings without them.

    Args:
        content: the nested mappings.
        prefix: the path of ``content``.
        arrays: receives the arrays by their paths, such as ``a/b``.
    """
    rest = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            rest[name] = _split(value, f"{prefix}{name}/", arrays)
        elif isinstance(value, (np.ndarray, paddle.Tensor)):
            arrays[prefix + name] = np.ascontiguousarray(value).reshape(np.shape(value))
        elif isinstance(value, np.generic):
            rest[name] = value.item()
        else:
            rest[name] = value
    return rest


def _read_safetensors(path: str) -> dict[str, Any]:
    check_installed("safetensors")
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        content = json.loads((file.metadata() or {}).get(_REST, "{}"))  # other tools write none
        if not isinstance(content, dict):
            raise ValueError(f"expected metadata with a mapping, found {type(content).__name__}")
        for name in file.keys():  # noqa: SIM118  (it is not a mapping)
            parent, key = content, name
            while "/" in key and isinstance(parent.get(key.split("/")[0]), dict):
                first, key = key.split("/", 1)
                parent = parent[first]
            parent[key] = file.get_tensor(name)
    return content
