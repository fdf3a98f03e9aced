"""Makes a bundle of a trained network, writes its card, and publishes it."""
