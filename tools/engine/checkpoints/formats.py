"""The files that a checkpoint's arrays are in: Paddle's, safetensors', NumPy's."""

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

# A checkpoint's parts, as Paddle's files end: parameters, and the optimizer's state with the
# learning rate. Where `averages` are kept there is a third, and of a run that ended inside an epoch
# there is its progress.
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

_NAME_TABLE = "StructuredToParameterName@@"  # Paddle's own: variable names of a dygraph net
_REST = "rest"  # key of safetensors' metadata: what is no array, as JSON


def check_installed(form: str) -> None:
    """Makes sure that a format can be written, before anything is trained.

    Raises:
        UserError: it cannot.
    """
    if form == "safetensors" and not importlib.util.find_spec("safetensors"):
        raise UserError(
            "runner.checkpoint_format = safetensors needs safetensors: pip install safetensors"
        )


def ending(part: str, form: str) -> str:
    """Returns the file ending of a checkpoint's part in a format."""
    return ENDINGS[form].get(part, part)


def find(stem: str, part: str) -> str:
    """Returns the file of a checkpoint's part, in whichever format it is there.

    Args:
        stem: its path without ending.
        part: ``pdparams``, ``pdopt``, ``pdema`` or ``progress.npz``.
    """
    paths = [f"{stem}.{ending(part, form)}" for form in ENDINGS]
    return next((path for path in paths if os.path.isfile(path)), paths[0])


def write(path: str, content: Mapping[str, Any]) -> None:
    """Writes a file in the format that its ending names.

    Raises:
        OSError: it cannot be written.
    """
    if path.endswith(".npz"):
        with open(path, "wb") as file:
            np.savez(file, **content)
    elif path.endswith(".safetensors"):
        _write_safetensors(path, content)
    else:
        paddle.save(content, path)


def read(path: str) -> dict[str, Any]:
    """Reads a file in the format that its ending names; its arrays are NumPy's.

    Nothing that the file names is called, so it may come from anywhere.

    Raises:
        UserError: it is missing, damaged, or more than a checkpoint.
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
            found = safe_pickle.load(file)
        found.pop(_NAME_TABLE, None)
        return found
    except UserError:
        raise
    except safe_pickle.ForeignName as error:
        raise UserError(
            f"{path} is not only numbers: {error}, which was not run; a checkpoint from Paddle "
            "names nothing but arrays"
        ) from error
    except Exception as error:  # whatever a damaged file raises
        raise UserError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def _write_safetensors(path: str, content: Mapping[str, Any]) -> None:
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    arrays: dict[str, np.ndarray] = {}
    rest = _parted(content, "", arrays)
    try:
        save_file(arrays, path, metadata={_REST: json.dumps(rest)})
    except SafetensorError as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error


def _parted(content: Mapping[str, Any], prefix: str, arrays: dict[str, np.ndarray]) -> dict:
    """Moves a tree's arrays to ``arrays``, by their paths; returns what is left of the tree."""
    rest = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            rest[name] = _parted(value, f"{prefix}{name}/", arrays)
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
        found = json.loads((file.metadata() or {}).get(_REST, "{}"))  # absent: another tool's
        if not isinstance(found, dict):
            raise ValueError(f"its metadata are a {type(found).__name__}")
        for name in file.keys():  # noqa: SIM118  (it is no mapping)
            place, own = found, name
            while "/" in own and isinstance(place.get(own.split("/")[0]), dict):
                first, own = own.split("/", 1)
                place = place[first]
            place[own] = file.get_tensor(name)
    return found
