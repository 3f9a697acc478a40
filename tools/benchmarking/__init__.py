"""What ``tools/benchmark.py`` consists of; it knows the engine by few names, no model and no data.

`launch` measures a process from outside, `worker` runs a command of some tools folder with `meter`
and `phases` inside; `contestants` are what takes turns; `figures` and `table` make of it what a
person reads.
"""
