"""What tools/benchmark.py does: runs programs on the same data and compares their speed and memory.

`launch` measures a process from outside. `worker` runs a command of a tools folder and measures it
from inside with `meter` and `phases`. `programs` are what is compared; `figures` and `table` show
the results. Of the engine this package knows a few names, listed in `engine_names`.
"""
