"""Runs batches of repeated shapes as CUDA graphs, which launch all kernels of a batch at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_LARGEST_NUMBER = 16  # graphs of a session; each keeps its inputs and outputs in the GPU's memory
_SEEN = 4096  # at most so many shapes are remembered
_TOLERANCE = 1e-5  # between a graph and an ordinary run
_NO_GRAPH = -1  # ONNX Runtime's number for a run without a graph

Shapes = tuple[tuple[int, ...], ...]


class GraphError(Exception):
    """A batch could not be captured, or its graph gives other numbers."""


class GraphRuns:
    """Runs a session's batches; a shape that comes again is captured and replayed.

    A graph reads and writes the memory that it was captured with, so its inputs and outputs are
    bound to memory on the device, and only the input's values change.

    Args:
        session: an ``onnxruntime.InferenceSession`` whose provider has ``enable_cuda_graph``.
        device: the memory of inputs and outputs: ``cuda``, or ``cpu`` in tests.
    """

    def __init__(self, session: Any, device: str = "cuda"):
        self._session = session
        self._device = device
        self._inputs = [value.name for value in session.get_inputs()]
        self._outputs = [value.name for value in session.get_outputs()]
        self._seen: set[Shapes] = set()
        self._graphs: dict[Shapes, _Graph] = {}
        self._without_graph = _run_options(_NO_GRAPH)

    def __len__(self) -> int:
        """Returns the number of captured shapes."""
        return len(self._graphs)

    def run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Returns the outputs for a batch.

        Raises:
            GraphError: the session cannot capture the batch.
        """
        arrays = [feeds[name] for name in self._inputs]
        shapes = tuple(array.shape for array in arrays)
        if shapes in self._graphs:
            return self._graphs[shapes].run(arrays)
        outputs = self._session.run(None, feeds, self._without_graph)
        if shapes in self._seen and len(self._graphs) < _LARGEST_NUMBER:
            self._graphs[shapes] = self._capture(arrays, outputs)
        elif len(self._seen) < _SEEN:
            self._seen.add(shapes)
        return outputs

    def _capture(self, arrays: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> _Graph:
        """Returns the graph of a batch, which must give the outputs of an ordinary run."""
        try:
            graph = _Graph(self, len(self._graphs) + 1, arrays, expected)
            # Captured on other values, so that the comparison shows whether new inputs are read.
            graph.run([np.zeros_like(array) for array in arrays])
            for name, found, other in zip(self._outputs, graph.run(arrays), expected):
                if not np.allclose(found, other, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
                    raise GraphError(f"output {name} of the graph differs from an ordinary run")
        except Exception as error:  # ONNX Runtime has exception classes of its own
            raise GraphError(str(error)) from error
        return graph


class _Graph:
    """The bound memory of a captured batch."""

    def __init__(
        self,
        runs: GraphRuns,
        number: int,
        arrays: Sequence[np.ndarray],
        outputs: Sequence[np.ndarray],
    ):
        self._session = runs._session
        self._binding = self._session.io_binding()
        self._options = _run_options(number)
        self._inputs = [_memory(array, runs._device) for array in arrays]
        self._outputs = [_memory(array, runs._device) for array in outputs]
        for name, value in zip(runs._inputs, self._inputs):
            self._binding.bind_ortvalue_input(name, value)
        for name, value in zip(runs._outputs, self._outputs):
            self._binding.bind_ortvalue_output(name, value)

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns the outputs; the first run captures, the following ones replay."""
        for value, array in zip(self._inputs, arrays):
            value.update_inplace(array)
        self._session.run_with_iobinding(self._binding, self._options)
        # A copy: in the memory of the CPU, numpy() is a view of what the next run overwrites.
        return [value.numpy().copy() for value in self._outputs]


def _memory(array: np.ndarray, device: str) -> Any:
    import onnxruntime

    return onnxruntime.OrtValue.ortvalue_from_shape_and_type(array.shape, array.dtype, device, 0)


def _run_options(graph: int) -> Any:
    """Returns the options of runs with the graph of this number."""
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.add_run_config_entry("gpu_graph_id", str(graph))
    return options
