"""Embeddings and batch normalisation of dense numbers, after their scaling."""
