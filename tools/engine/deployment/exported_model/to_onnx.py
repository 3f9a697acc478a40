"""A model of Paddle's format becomes ONNX, by paddle2onnx."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile

import paddle

from engine.deployment.exported_model.model_files import ExportedModel
from engine.system.errors import UserError

_PADDLE_3 = not paddle.__version__.startswith("2.")
OPSET = 17 if _PADDLE_3 else 16


def check_installed() -> None:
    """Makes sure that a model can be converted.

    Raises:
        UserError: paddle2onnx or onnx is not installed, or does not fit this Paddle.
    """
    try:
        import onnx  # noqa: F401
        import paddle2onnx  # noqa: F401
    except (ImportError, ValueError) as error:  # ValueError: paddle2onnx 2 on Paddle 2.6
        install = "-r requirements-deploy.txt" if _PADDLE_3 else "onnx paddle2onnx==1.3.1"
        raise UserError(
            f"ONNX needs onnx and paddle2onnx: pip install {install} ({error})"
        ) from error


def convert(model: ExportedModel) -> bytes:
    """Returns an ONNX model whose outputs have the names that the metadata give them.

    Raises:
        UserError: paddle2onnx is not installed or cannot convert.
    """
    check_installed()
    import onnx
    import paddle2onnx

    # Without a file to write it returns the bytes, and folds nothing: folding would have
    # Polygraphy install packages as it runs.
    with _captured() as said:
        content = paddle2onnx.export(
            model.graph, model.parameters, None, opset_version=OPSET, verbose=False
        )
    if not content:
        raise UserError(f"paddle2onnx cannot convert {model.graph}: {' '.join(said)}")
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
def _captured():
    """Keeps what paddle2onnx prints, in Python and in C++, off the screen; yields its lines."""
    lines: list[str] = []
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile("w+", errors="replace") as file:
        kept = [(stream, os.dup(stream)) for stream in (1, 2)]
        for stream, _ in kept:
            os.dup2(file.fileno(), stream)
        try:
            yield lines
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for stream, copy in kept:
                os.dup2(copy, stream)
                os.close(copy)
            logging.disable(before)
            file.seek(0)
            lines += file.read().split()
