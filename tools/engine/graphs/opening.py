"""Opens a session by the name of its graph."""

from __future__ import annotations

from engine.config.config import Config
from engine.distributed import processes
from engine.graphs.session import Session

GRAPHS = ("dygraph", "static")


def graph_of(prefix: str) -> str:
    """Returns which of `GRAPHS` saves checkpoints ``<prefix>.*``."""
    return "static" if prefix == "rec_static" else "dygraph"


def open_session(config: Config, graph: str, training: bool) -> Session:
    """Returns a session of one of `GRAPHS` for the model of a configuration."""
    # Imported on demand: the static graph changes Paddle's mode.
    if graph == "static":
        from engine.graphs.static import StaticSession

        return StaticSession(config, training)
    if processes.current().size > 1:
        from engine.graphs.fleet import FleetSession

        return FleetSession(config, training, processes.current())
    from engine.graphs.dygraph import DygraphSession

    return DygraphSession(config)
