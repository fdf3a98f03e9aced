"""What a model is worth on images that it has not seen."""
