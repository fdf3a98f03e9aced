"""Measures models on images that they were not trained on."""
