"""Makes the gate."""
