"""Run a workflow that was lowered in memory, as its module would run as a program."""

import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from pflow_lower.api import Lowered
from pflow_lower.support.statuses import ExitStatus


def start(
    lowered: Lowered, folder: str | os.PathLike[str], arguments: Sequence[str]
) -> NoReturn:
    """Run a lowered workflow as a program in a folder, and exit as the program would.

    The program can import the modules in the folder. `arguments` are its own:
    `docs/language.md` § 6.
    """
    gc.enable()  # lowering does without, but a run may be long
    sys.path.insert(0, os.path.abspath(folder))
    try:
        module = lowered.load()
    except Exception as error:  # raised by a module of the user that it imports
        sys.stderr.write(f"error: {lowered.name} cannot be run: {error}\n")
        sys.exit(ExitStatus.FAILED)
    module.main(module.build_flow, arguments)
    raise AssertionError("the program did not exit")
