"""A trained network becomes a bundle, and reaches others."""
