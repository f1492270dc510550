"""Run code in a process of its own, which is killed when its time is up.

The process is a fresh interpreter with the `sys.path` of this one. It is not forked:
in a process with threads, which a batch has, that can deadlock.
"""

import os
import pickle
import subprocess
import sys

from pflow_lower.nodes.code import child
from pflow_lower.nodes.code.running import Ended, Program, unpicklable
from pflow_lower.nodes.support import process
from pflow_lower.support.blocking import run_blocking

_PROGRAM = f"""
import os, pickle, sys
job = os.fdopen(os.dup(0), "rb")
sys.path[:] = pickle.load(job)
from {child.__name__} import main
main(job)
"""


def run_apart(program: Program, timeout: float) -> Ended:
    """Run code in another process, for `timeout` seconds at most.

    The process, and all that it started, is killed when the code has ended, when its
    time is up, and when this process ends. Raises TimeoutError, TypeError for values
    that cannot be passed between processes, and RuntimeError if the process dies.
    """
    try:
        job = pickle.dumps(program)
    except Exception as exc:
        raise unpicklable('param "inputs"', exc) from exc
    command = process.Command(
        words=[
            sys.executable,
            *subprocess._args_from_interpreter_flags(),  # type: ignore[attr-defined]
            "-P",  # not to import a module of the current directory instead of ours
            "-c",
            _PROGRAM,
        ],
        stdin=pickle.dumps(sys.path) + job,
        holds_stdin=True,
        cwd=None,
        environment=dict(os.environ),
    )
    try:
        ending = run_blocking(process.run(command, timeout))
    except TimeoutError:
        raise TimeoutError(f"the code did not end within {timeout:g} s") from None
    if ending.stderr and sys.stderr is not None:
        sys.stderr.write(ending.stderr.decode("utf-8", "replace"))
    if not ending.stdout:
        raise RuntimeError(f"the process of the code {process.status(ending)}")
    try:
        ended = pickle.loads(ending.stdout)
    except Exception as exc:
        raise unpicklable("the `result`", exc) from exc
    assert isinstance(ended, Ended)
    return ended
