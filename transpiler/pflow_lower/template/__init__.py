"""Templates: their types and their parser."""
