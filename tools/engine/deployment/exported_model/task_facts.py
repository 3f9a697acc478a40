"""What the metadata of an exported model say of its tasks: ``task_facts``.

They are one mapping a task: ``name``, ``type``, ``class_num``, ``classes`` (names or None) and
``rows``. An older export and a folder written for PaddleRec have none; the shapes of outputs then
decide what they predict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_CLASSES = ("binary", "multiclass")
TYPES = (*_CLASSES, "regression", "count")


def check(metadata: Mapping[str, Any]) -> None:
    """Checks the facts in metadata, if there are any.

    Raises:
        ValueError: an entry is malformed, or contradicts the shape of its output.
    """
    shapes = {entry["name"]: entry["shape"] for entry in metadata["outputs"]}
    for facts in metadata.get("task_facts") or ():
        name, kind, classes = facts["name"], facts["type"], facts.get("classes")
        if kind not in TYPES:
            known = ", ".join(TYPES)
            raise ValueError(f"task_facts: {name}: type {kind!r}, expected one of {known}")
        size = facts["class_num"] if kind in _CLASSES else 1
        if classes is not None and (len(classes) != size or not isinstance(classes, list)):
            raise ValueError(f"task_facts: {name}: classes {classes}, expected {size} names")
        found = shapes.get(name, [None, size])
        if len(found) != 2 or found[1] not in (None, size):
            raise ValueError(f"task_facts: {name}: {kind}, but its output has shape {found}")


def prediction(output: np.ndarray, facts: Mapping[str, Any] | None) -> np.ndarray:
    """Returns what an output predicts.

    Args:
        output: the output of a batch, ``[n, size]``.
        facts: the facts of its task. Without facts an output ``[n, 2]`` or ``[n, 1]`` is taken for
            one of a binary task.

    Returns:
        P(label = 1) ``[n]`` of a binary task, the probabilities of a task with more classes
        ``[n, classes]``, or numbers ``[n]`` in the label's unit.
    """
    if facts is None and (output.ndim != 2 or output.shape[1] > 2):
        return output
    return output if facts and facts["type"] == "multiclass" else output[:, -1]
