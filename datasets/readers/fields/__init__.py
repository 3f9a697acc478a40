"""How the values of sparse fields become ids without a vocabulary."""
