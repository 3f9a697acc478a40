"""Shows how much each task uses each expert: log lines, and a heat map with VisualDL."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from engine.evaluation import fonts
from engine.graphs.session import Session

logger = logging.getLogger(__name__)

_UNUSED = 1e-3  # experts with a smaller weight count as unused


def show_trained(session: Session, source: Any, folder: str, visual: Any) -> None:
    """Shows the gates of a trained net, if it has gates; see `show`.

    Args:
        session: the session that was trained.
        source: its batches.
        folder: the folder of the picture.
        visual: VisualDL's records; None for no picture.
    """
    weights = session.gate_weights(source)
    if not weights:
        return
    try:
        show(weights, folder, visual, session.gate_names())
    except OSError as error:  # not an error of the run: the checkpoints are saved
        logger.warning("cannot write gates.png to %s: %s", folder, error.strerror or error)


def show(
    weights: Mapping[str, np.ndarray],
    folder: str,
    visual: Any,
    names: Sequence[str] | None = None,
) -> None:
    """Logs each task's experts and their weights; with VisualDL it also draws ``gates.png``.

    Args:
        weights: each task's weights over the experts.
        folder: the folder of the picture.
        visual: VisualDL's records, which get the picture too; None for no picture.
        names: the experts' names; ``expert 0`` and so on if not given.

    Raises:
        OSError: the picture cannot be written.
    """
    for task, row in weights.items():
        used = [number for number in np.argsort(-row) if row[number] >= _UNUSED]
        named = names or [f"expert {number}" for number in range(len(row))]
        text = ", ".join(f"{named[number]}: {row[number]:.3f}" for number in used)
        logger.info("gate of %s: %d of %d experts, %s", task, len(used), len(row), text)
    if not visual:  # importing matplotlib alone takes a second
        return
    if not importlib.util.find_spec("matplotlib"):
        logger.info("no heat map of the gates: pip install -r requirements-visual.txt")
        return
    picture = _heat_map(weights, names)
    fonts.choose(picture)
    path = os.path.join(folder, "gates.png")
    try:
        picture.savefig(path, dpi=150)
    except OSError:
        with suppress(OSError):
            os.remove(path)
        raise
    logger.info("drew %s", path)
    picture.canvas.draw()
    visual.image("gates", np.asarray(picture.canvas.buffer_rgba())[..., :3])


def _heat_map(weights: Mapping[str, np.ndarray], names: Sequence[str] | None = None) -> Any:
    # Without pyplot: it would need a display and keep the figure open.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    table = np.stack(list(weights.values()))
    tasks, experts = table.shape
    figure = Figure(figsize=(1.5 + 0.7 * experts, 1.5 + 0.6 * tasks), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(table, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    axes.set_xticks(range(experts))
    if names:
        axes.set_xticklabels(names, rotation=45, ha="right")
    axes.set_yticks(range(tasks), list(weights))
    axes.set_xlabel("expert")
    axes.set_title("weight of each expert")
    for (row, column), value in np.ndenumerate(table):
        colour = "white" if value > 0.5 else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour)
    return figure
