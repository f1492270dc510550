"""JSON text as values that know where they stand."""
