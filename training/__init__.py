"""Fits the networks of `cxr`, measures them and publishes them."""
