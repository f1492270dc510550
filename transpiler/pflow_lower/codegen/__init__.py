"""From a checked workflow to its lowered IR and its Python module."""
