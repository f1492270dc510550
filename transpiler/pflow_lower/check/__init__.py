"""The checks: one pass a module, each a function from a workflow to diagnostics."""
