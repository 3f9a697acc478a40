"""What `search.py` does."""
