"""Computes figures and plots from labels, probabilities and heatmaps."""
