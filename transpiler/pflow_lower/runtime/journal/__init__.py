"""The SQLite file that remembers what a run has done."""
