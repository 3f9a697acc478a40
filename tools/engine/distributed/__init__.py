"""The processes of one run: which rows each takes, and how gradients and metrics are summed.

Sessions that use several processes live in `engine.graphs`; parameter servers in
`engine.parameter_servers`.
"""
