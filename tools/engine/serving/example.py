"""Requests that a model answers, for people who want to see one."""

from __future__ import annotations

import math
import os
import shlex
from urllib.parse import quote

import numpy as np
import orjson

from engine.serving.protocol import DATATYPES, ServedModel
from engine.serving.warm_up import sizes
from engine.system.errors import UserError


def write_request(model: ServedModel, rows: int, path: str) -> None:
    """Writes the body of a request: random floats in [0, 1), and 0 for all else.

    0 is an id that any embedding table has. The floats are the same each time.

    Raises:
        UserError: the file cannot be written.
    """
    random = np.random.default_rng(0)
    inputs = []
    for spec in model.inputs:
        shape, dtype = sizes(spec, rows), np.dtype(spec.dtype)
        count = math.prod(shape)
        data = random.random(count) if dtype.kind == "f" else np.zeros(count)
        inputs.append({"name": spec.name, "shape": shape, "datatype": DATATYPES[spec.dtype]})
        inputs[-1]["data"] = data.astype(dtype)
    try:
        with open(path, "wb") as file:
            file.write(orjson.dumps({"inputs": inputs}, option=orjson.OPT_SERIALIZE_NUMPY))
    except OSError as error:
        name = os.path.abspath(path)
        raise UserError(f"--example_request: cannot write {name}: {error.strerror}") from error


def curl(model: ServedModel, address: str) -> str:
    """Returns a command line that sends one row of zeros; it needs Python and curl."""
    entries = []
    for spec in model.inputs:
        name, shape = orjson.dumps(spec.name).decode(), sizes(spec, 1)
        zero = "False" if spec.dtype == "bool" else "0"
        entries.append(
            f'{{"name": {name}, "shape": {shape}, "datatype": "{DATATYPES[spec.dtype]}", '
            f'"data": [{zero}] * {math.prod(shape)}}}'
        )
    code = f'import json; print(json.dumps({{"inputs": [{", ".join(entries)}]}}))'
    url = f"{address}/v2/models/{quote(model.name, safe='')}/infer"
    return f"python3 -c {shlex.quote(code)} | curl -s --data-binary @- {shlex.quote(url)}"
