"""A model on disk, and what it computes."""
