"""Measurements, and a demonstration; nothing here ships with the package."""
