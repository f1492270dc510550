"""Templates: their types and their text."""
