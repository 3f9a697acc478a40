"""Parameters under the names that PaddleRec's nets give them.

Each of PaddleRec's nets has a module here; the nets themselves know nothing of it.
"""
