"""Trains networks: configurations, batches, the fit itself, its run folder, and searches."""
