"""The node type `code`."""
