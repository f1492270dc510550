"""The options that several commands have."""

import click

RESULTS = click.option(
    "--results",
    type=click.Choice(["value", "record"]),
    help="What one result of a batch is: the primary output (the default), "
    "or a record of all outputs and the item.",
)
STRICT = click.option("--strict", is_flag=True, help="Treat warnings as errors.")
QUIET = click.option("-q", "--quiet", is_flag=True, help="Show problems only.")
HELP = {"help_option_names": ["-h", "--help"]}
"""The settings of every command."""
