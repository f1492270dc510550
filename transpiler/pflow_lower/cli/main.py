"""The entry point of the command line.

It is apart from the commands so that `--version` costs no more than a start of
Python: everything that takes time to import is imported when it is needed.
"""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from pflow_lower.cli import COMMANDS
from pflow_lower.version import __version__


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, and exit with its status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given == ["--version"]:
        sys.stdout.write(f"pflow-lower, version {__version__}\n")
        sys.exit(0)
    # Most objects of a compiler live until it ends: to search them for garbage, and
    # to free them one by one at the end, would take a fifth of the time.
    gc.disable()
    result = _status(given)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(result)


def _status(arguments: list[str]) -> int:
    from importlib import import_module

    name = arguments.pop(0) if arguments and arguments[0] in COMMANDS else "lower"
    status: int = import_module(f"pflow_lower.cli.{name}").status(arguments)
    return status
