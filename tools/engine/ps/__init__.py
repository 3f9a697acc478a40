"""Training with parameter servers: embedding tables that outgrow one machine."""
