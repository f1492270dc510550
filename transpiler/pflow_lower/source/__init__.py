"""Positions in source text."""
