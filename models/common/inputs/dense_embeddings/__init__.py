"""Embeddings and normalisation of dense numbers, after their scaling."""
