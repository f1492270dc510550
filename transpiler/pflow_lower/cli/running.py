"""What the commands share: options, and how a command is run."""

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from pflow_lower.cli.config import ConfigError
from pflow_lower.cli.streams import forget_stdout, say
from pflow_lower.support.statuses import ExitStatus

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


def run_command(
    command: click.Command, arguments: Sequence[str], program: str, **settings: Any
) -> int:
    """Run a command, and turn whatever it raises into an exit status.

    `docs/language.md` § 6 has the statuses; `settings` are those of the click context.
    """
    try:
        if f"_{program}_COMPLETE".replace("-", "_").upper() in os.environ:
            command.main(prog_name=program)  # prints completions for a shell, and exits
        # `main` of click would exit with 1 after an interruption or a closed pipe.
        with command.make_context(program, list(arguments), **settings) as context:
            return int(command.invoke(context) or ExitStatus.OK)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
    except ConfigError as error:
        say(str(error))
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:  # the reader has closed it
        forget_stdout()
    except OSError as error:
        say(f"{error.filename or '<stdout>'}: error: {error.strerror}")
    except Exception:
        import traceback

        traceback.print_exc(file=sys.stderr)
        say("this is a bug in pflow-lower; please report it with the input")
        return ExitStatus.BUG
    return ExitStatus.WRONG_USAGE
