"""What tools/compare.py does: reads a matrix of runs, runs its cells and writes the pages.

`schema` and `matrix` read the YAML. `cell_run`, `checkpoint_choice` and `results` run cells and
keep their results. `document` is the content of a page; `pages`, `plots` and `report` write it.
"""
