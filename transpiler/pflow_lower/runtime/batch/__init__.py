"""A batch node: its items, the tasks or threads that run them, retries and limits."""
