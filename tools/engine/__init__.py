"""What the commands share: from a YAML file to a trained, evaluated, exported and served model.

Packages import only packages above them in CONTRIBUTING.md's list. The engine knows no model and
no data set by name.
"""
