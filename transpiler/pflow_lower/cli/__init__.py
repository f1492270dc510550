"""The command line: one module for each command.

A new command is a module here with a function `status(arguments)`, and a row below.
"""

COMMANDS = {
    "lower": "Lower workflows; the default.",
    "bundle": "Write a workflow as one file that Python runs.",
}
"""The name of each command, which is also that of its module, and what it does."""
