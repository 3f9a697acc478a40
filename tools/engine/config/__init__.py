"""A YAML file and ``-o key=value`` become one checked, read-only configuration.

The table of ``runner.*`` keys lives here; hyper-parameters are declared by the models.
"""
