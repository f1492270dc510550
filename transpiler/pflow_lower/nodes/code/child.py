"""The process that `apart.py` starts: run one program, answer, and end."""

import os
import pickle
import signal
from threading import Thread
from typing import IO

from pflow_lower.nodes.code.errors import Failure
from pflow_lower.nodes.code.running import Ended, run, unpicklable


def main(job: IO[bytes]) -> None:
    """Run the program that comes through `job`, and answer on standard output.

    The code itself has an empty standard input, and its processes write to standard
    error. `job` stays open as long as the process that wants the answer is there.
    """
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    answers.write(_answer(job))
    answers.close()
    _end()


def _answer(job: IO[bytes]) -> bytes:
    try:
        program = pickle.load(job)
    except Exception as exc:
        return _refusal(unpicklable('param "inputs"', exc))
    Thread(target=_end_with_parent, args=(job,), daemon=True).start()
    ended = run(program)
    if ended.failure is not None:
        ended = ended._replace(result=None, failure=_portable(ended.failure))
    try:
        return pickle.dumps(ended)
    except Exception as exc:
        return _refusal(unpicklable("the `result`", exc))


def _refusal(error: Exception) -> bytes:
    return pickle.dumps(Ended("", "", failure=Failure.of(error)))


def _portable(failure: Failure) -> Failure:
    """Return the failure with a type, and a cause, that can be passed on."""
    kind = next(kind for kind in failure.kind.__mro__ if _can_be_passed(kind))
    cause = failure.cause if _can_be_passed(failure.cause) else None
    return failure._replace(kind=kind, cause=cause)


def _can_be_passed(value: object) -> bool:
    try:
        pickle.loads(pickle.dumps(value))
    except Exception:
        return False
    return True


def _end_with_parent(job: IO[bytes]) -> None:
    job.read(1)
    _end()


def _end() -> None:
    """End this process and all that it started, at once."""
    os.killpg(0, signal.SIGKILL)
