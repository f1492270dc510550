"""Lowers workflows with batch nodes to a plain DAG and a PocketFlow module."""
