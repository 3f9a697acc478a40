"""Reads a model's inputs, outputs and operators from Paddle's graph files.

A predictor does not know them: before its first run every handle has dtype float32 and shape [0].
On Paddle 2.6 a damaged file also crashes the process in the predictor, so it is read here first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paddle

from engine.deployment.exported_model import safe_operators
from engine.deployment.exported_model.tensors import TensorSpec
from engine.system.errors import UserError

_PIR_DIALECTS = ("0", "1", "2")  # Paddle's own: builtin, pd_op, cf
_PIR_DTYPES = {
    "t_f64": "float64",
    "t_f32": "float32",
    "t_f16": "float16",
    "t_bf16": "bfloat16",
    "t_i64": "int64",
    "t_i32": "int32",
    "t_i8": "int8",
    "t_ui8": "uint8",
    "t_bool": "bool",
}


def read_tensors(graph: str) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Returns the inputs and the outputs of a ``.json`` or ``.pdmodel``, in the graph's order.

    Raises:
        UserError: the file is damaged.
    """
    read = _read_pir if graph.endswith(".json") else _read_program_desc
    with _readable(graph):
        inputs, outputs = read(graph)
    if not inputs or not outputs:
        raise UserError(f"{graph} is not an inference model: it has no inputs or no outputs")
    return inputs, outputs


def read_operators(graph: str) -> set[str]:
    """Returns the operator types in a ``.json`` or ``.pdmodel``, also of its inner blocks.

    Raises:
        UserError: the file is damaged.
    """
    with _readable(graph):
        if graph.endswith(".json"):
            return set(_pir_names(_load_pir(graph)))
        program = _load_program(graph)
        blocks = [program.block(number) for number in range(program.num_blocks())]
        return {block.op(number).type() for block in blocks for number in range(block.op_size())}


def check_operators(graph: str) -> None:
    """Checks that the operators of a model only compute.

    Paddle runs operators such as ``save`` already when it opens a model.

    Raises:
        UserError: an operator may read or write files, or the file is damaged.
    """
    others = safe_operators.find_others(read_operators(graph))
    if others:
        raise UserError(
            f"{graph}: expected operators that only compute, found {', '.join(others)}, which may "
            "read or write files: the model is not opened"
        )


@contextmanager
def _readable(graph: str) -> Iterator[None]:
    """Turns the errors of a damaged file into a UserError."""
    try:
        yield
    except Exception as error:  # parsing a damaged file may raise anything
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(f"{graph} is not a readable Paddle model: {reason[0]}") from error


def _load_pir(graph: str) -> dict:
    with open(graph, encoding="utf-8") as file:
        content = json.load(file, object_pairs_hook=_without_duplicates)
    if "program" not in content:
        raise ValueError("the JSON file has no program")
    return content


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict:
    """Returns a JSON object; of a key that is there twice Paddle may read another value."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key is there twice")
    return content


def _pir_names(content: Any) -> Iterator[str]:
    """Yields the names of all operators in a part of the JSON, without those of its parameters."""
    if isinstance(content, dict):
        for operator in content.get("ops", ()):
            dialect, _, name = operator["#"].partition(".")
            if operator["#"] != "p":  # a parameter
                yield name if dialect in _PIR_DIALECTS else operator["#"]
        for part in content.values():
            yield from _pir_names(part)
    elif isinstance(content, list):
        for part in content:
            yield from _pir_names(part)


def _pir_operators(graph: str) -> list[dict]:
    return _load_pir(graph)["program"]["regions"][0]["blocks"][0]["ops"]


def _read_pir(graph: str) -> tuple[list[TensorSpec], list[TensorSpec]]:
    inputs, outputs = [], []
    for operator in _pir_operators(graph):
        type_name = operator["#"].partition(".")[2]
        if type_name in ("data", "fetch"):
            attributes = {entry["N"]: entry["AT"].get("D") for entry in operator["A"]}
            dtype, shape = operator["O"][0]["TT"]["D"][:2]
            dtype = _PIR_DTYPES[dtype["#"].partition(".")[2]]
            spec = TensorSpec(attributes["name"], _shape(shape), dtype)
            (inputs if type_name == "data" else outputs).append(spec)
    return inputs, outputs


def _load_program(graph: str):
    with open(graph, "rb") as file:
        program = paddle.base.core.ProgramDesc(file.read())
    if not program.num_blocks():  # an empty file parses too, but block(0) would crash the process
        raise ValueError("it has no block of operators")
    return program


def _read_program_desc(graph: str) -> tuple[list[TensorSpec], list[TensorSpec]]:
    program = _load_program(graph)  # a block does not keep its program alive
    block = program.block(0)
    inputs, outputs = {}, {}
    for number in range(block.op_size()):
        operator = block.op(number)
        # Sorted by column below: Paddle 2 inserts each feed before the existing ones.
        if operator.type() == "feed":
            inputs[operator.attr("col")] = _variable(block, operator.output_arg_names()[0])
        elif operator.type() == "fetch":
            outputs[operator.attr("col")] = _variable(block, operator.input_arg_names()[0])
    return [inputs[column] for column in sorted(inputs)], [
        outputs[column] for column in sorted(outputs)
    ]


def _variable(block, name: str) -> TensorSpec:
    variable = block.find_var(name.encode())
    dtype = str(variable.dtype()).rpartition(".")[2].lower()  # VarType.FP32, or paddle.float32
    names = {"fp64": "float64", "fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
    return TensorSpec(name, _shape(variable.shape()), names.get(dtype, dtype))


def _shape(sizes) -> tuple:
    return tuple(None if size < 0 else size for size in sizes)
