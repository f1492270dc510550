"""Run a workflow that was lowered in memory, as the module would run as a program."""

import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from pflow_lower.api import Lowered

_FAILED = 1


def start(
    lowered: Lowered, folder: str | os.PathLike[str], arguments: Sequence[str]
) -> NoReturn:
    """Run a lowered workflow as a program in a folder would, and exit as it does.

    Modules in the folder can be imported, as they can by a program that stands
    there. `arguments` are those of the program: `docs/language.md` § 6.
    """
    gc.enable()  # a compiler does without, but a run may be long
    sys.path.insert(0, os.path.abspath(folder))
    try:
        module = lowered.load()
    except Exception as error:  # of a module of the user's that it imports
        sys.stderr.write(f"error: {lowered.name} cannot be run: {error}\n")
        sys.exit(_FAILED)
    module.main(module.build_flow, arguments)
    raise AssertionError("a program has not exited")
