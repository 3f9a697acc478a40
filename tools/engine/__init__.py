"""What the commands in ``tools/`` share; it knows no model and no data set by name."""
