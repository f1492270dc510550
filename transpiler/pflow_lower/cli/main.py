"""The entry point of the command line.

It is apart from the commands so that `--version` costs no more than a start of
Python: everything that takes time to import is imported when it is needed.
"""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
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
    name = given.pop(0) if given and given[0] in COMMANDS else "lower"
    result: int = import_module(f"pflow_lower.cli.{name}").status(given)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(result)
