"""From a checkpoint to predictions: exports, what runs them, and what they take."""
