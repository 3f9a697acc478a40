"""PaddleRec's model contract, implemented once for every net in dygraph and static graph.

Nets, their layers and their inputs live in the packages beside this one.
"""
