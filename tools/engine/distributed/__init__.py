"""The processes of one run: the rows of each process, and the sums of gradients and metrics.

Sessions that use several processes live in `engine.graphs`; parameter servers in
`engine.parameter_servers`.
"""
