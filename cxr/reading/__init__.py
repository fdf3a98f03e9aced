"""Files become radiographs."""
