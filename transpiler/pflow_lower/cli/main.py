"""The entry point of the command line.

It is apart from the commands themselves so that `--version` costs no more than a
start of Python: whatever takes time to import is imported when it is needed.
"""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from pflow_lower.version import __version__


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, and exit with its status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given == ["--version"]:
        sys.stdout.write(f"pflow-lower, version {__version__}\n")
        sys.exit(0)
    # A compiler makes much that lives as long as it does, and then ends: to look for
    # garbage in it, and to take it apart at the end, is a fifth of the time.
    gc.disable()
    from pflow_lower.cli.command import status

    result = status(given)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(result)
