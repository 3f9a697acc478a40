"""Converts a model in Paddle's format to ONNX with paddle2onnx."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile

import paddle

from engine.deployment.exported_model.model import ExportedModel
from engine.system.errors import UserError

_PADDLE_3 = not paddle.__version__.startswith("2.")
OPSET = 17 if _PADDLE_3 else 16


def check_installed() -> None:
    """Checks that the packages for the conversion are installed.

    Raises:
        UserError: onnx or paddle2onnx is missing or does not support this version of Paddle.
    """
    try:
        import onnx  # noqa: F401
        import paddle2onnx  # noqa: F401
    except (ImportError, ValueError) as error:  # ValueError: paddle2onnx 2 on Paddle 2.6
        install = "-r requirements-deploy.txt" if _PADDLE_3 else "onnx paddle2onnx==1.3.1"
        raise UserError(
            f"ONNX export needs onnx and paddle2onnx: pip install {install} ({error})"
        ) from error


def convert(model: ExportedModel) -> bytes:
    """Returns the serialized ONNX model; its outputs have the names in the metadata.

    Raises:
        UserError: paddle2onnx is not installed or cannot convert the model.
    """
    check_installed()
    import onnx
    import paddle2onnx

    # Without an output file, paddle2onnx returns the bytes and does not fold constants. Folding
    # would make Polygraphy install packages at run time.
    with _captured_output() as printed:
        content = paddle2onnx.export(
            model.graph, model.parameters, None, opset_version=OPSET, verbose=False
        )
    if not content:
        raise UserError(f"paddle2onnx cannot convert {model.graph}: {' '.join(printed)}")
    graph = onnx.load_model_from_string(content)
    names = {
        old.name: new.name
        for old, new in zip(graph.graph.output, model.outputs)
        if old.name != new.name
    }
    for output in graph.graph.output:
        output.name = names.get(output.name, output.name)
    for node in graph.graph.node:
        node.output[:] = [names.get(name, name) for name in node.output]
        node.input[:] = [names.get(name, name) for name in node.input]
    return graph.SerializeToString()


@contextlib.contextmanager
def _captured_output():
    """Captures what Python and C++ code prints; yields a list that gets its words at the end."""
    words: list[str] = []
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile("w+", errors="replace") as file:
        copies = [(stream, os.dup(stream)) for stream in (1, 2)]
        for stream, _ in copies:
            os.dup2(file.fileno(), stream)
        try:
            yield words
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for stream, copy in copies:
                os.dup2(copy, stream)
                os.close(copy)
            logging.disable(disabled)
            file.seek(0)
            words += file.read().split()
