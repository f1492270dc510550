"""Leaves that every folder may use."""
