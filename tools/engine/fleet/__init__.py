"""Several processes train one model: Paddle's Fleet, data-parallel, in dygraph."""

from engine.fleet.processes import World, current, lost_processes, mean, start

__all__ = ["World", "current", "lost_processes", "mean", "start"]
