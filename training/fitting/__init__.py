"""A configuration and images become trained weights."""
