"""Example requests for a model."""

from __future__ import annotations

import math
import os
import shlex
from urllib.parse import quote

import numpy as np
import orjson

from engine.serving.protocol import DATATYPES, ServedModel
from engine.serving.warm_up import concrete_shape
from engine.system import logs
from engine.system.errors import UserError


def write_request(model: ServedModel, rows: int, path: str) -> None:
    """Writes the body of a request: random floats in [0, 1), and 0 for other dtypes.

    Every embedding table has the id 0. The floats come from a fixed seed.

    Args:
        model: the model.
        rows: rows of each input.
        path: the file to write.

    Raises:
        UserError: the file cannot be written.
    """
    random = np.random.default_rng(0)
    inputs = []
    for spec in model.inputs:
        shape, dtype = concrete_shape(spec, rows), np.dtype(spec.dtype)
        count = math.prod(shape)
        data = random.random(count) if dtype.kind == "f" else np.zeros(count)
        inputs.append({"name": spec.name, "shape": shape, "datatype": DATATYPES[spec.dtype]})
        inputs[-1]["data"] = data.astype(dtype)
    try:
        with open(path, "wb") as file:
            file.write(orjson.dumps({"inputs": inputs}, option=orjson.OPT_SERIALIZE_NUMPY))
    except OSError as error:
        full = os.path.abspath(path)
        raise UserError(f"--example_request: cannot write {full}: {error.strerror}") from error
    logs.wrote(f"a request of {rows} rows", path)


def curl(model: ServedModel, address: str) -> str:
    """Returns a shell command that sends one row of zeros; it uses python3 and curl.

    Args:
        model: the model.
        address: the server's URL.
    """
    entries = []
    for spec in model.inputs:
        name, shape = orjson.dumps(spec.name).decode(), concrete_shape(spec, 1)
        zero = "False" if spec.dtype == "bool" else "0"
        entries.append(
            f'{{"name": {name}, "shape": {shape}, "datatype": "{DATATYPES[spec.dtype]}", '
            f'"data": [{zero}] * {math.prod(shape)}}}'
        )
    code = f'import json; print(json.dumps({{"inputs": [{", ".join(entries)}]}}))'
    url = f"{address}/v2/models/{quote(model.name, safe='')}/infer"
    return f"python3 -c {shlex.quote(code)} | curl -s --data-binary @- {shlex.quote(url)}"
