"""Opens a session by the name of its graph."""

from __future__ import annotations

from engine.config.config import Config
from engine.distributed import processes
from engine.graphs.session import Session

GRAPHS = ("dygraph", "static")


def graph_of(prefix: str) -> str:
    """Returns the graph whose checkpoints are called ``<prefix>.*``."""
    return "static" if prefix == "rec_static" else "dygraph"


def open_session(config: Config, graph: str, training: bool) -> Session:
    """Opens the model of a configuration.

    Args:
        config: the configuration.
        graph: one of `GRAPHS`.
        training: for training, or for evaluation.
    """
    # Imported on demand: a command needs only one of the graphs.
    if graph == "static":
        from engine.graphs.static import StaticSession

        return StaticSession(config, training)
    if processes.current().size > 1:
        from engine.graphs.fleet import FleetSession

        return FleetSession(config, training, processes.current())
    from engine.graphs.dygraph import DygraphSession

    return DygraphSession(config)
