"""The name of the block of a YAML that describes a table."""

KEY = "hyper_parameters.table"
