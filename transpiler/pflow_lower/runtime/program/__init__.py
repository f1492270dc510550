"""A generated module as a program."""
