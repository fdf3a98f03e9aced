"""Fuzzing: inputs that nobody thought of, for everything that reads what strangers wrote."""
