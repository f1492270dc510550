"""Generated modules import from here; see `docs/architecture.md`."""
