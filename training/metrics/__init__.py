"""Probabilities and maps become figures."""
