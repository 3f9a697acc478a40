"""Training with parameter servers, for embedding tables larger than one machine's memory.

Roles, the connection to the servers and the trainer's loop live here. Data-parallel training lives
in `engine.distributed`.
"""
