"""What became of a radiograph, for people and programs."""
