"""Commands that are killed while they write, and what is found then."""
