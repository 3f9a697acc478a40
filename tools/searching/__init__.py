"""What tools/search.py does: searches hyper-parameters with Optuna.

`space` reads the search space, `studies` stores trials, `trials` and `worker` train one trial in a
process, `search` runs all trials, and `tuned` writes the YAML of the best one.
"""
