"""Poolings: the embeddings of several ids of a field become one vector."""
