"""Run code in this process, and keep what it prints and how it ends."""

import __future__

import sys
from collections.abc import Mapping
from functools import lru_cache
from itertools import count
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from pflow_lower.nodes.code.capture import Capture
from pflow_lower.nodes.code.errors import FILE, Failure

_runs = count(1)


class Program(NamedTuple):
    """Code, and the variables that it starts with."""

    source: str
    inputs: Mapping[str, object]


class Ended(NamedTuple):
    """How code ended, and what it printed."""

    stdout: str
    stderr: str
    has_result: bool = False
    result: Any = None
    failure: Failure | None = None


@lru_cache(maxsize=256)
def compiled(source: str) -> CodeType:
    """Compile code, once for all items of a batch."""
    flags = __future__.annotations.compiler_flag
    program: CodeType = compile(source, FILE, "exec", flags, dont_inherit=True)
    return program


def run(program: Program) -> Ended:
    """Run code; whatever it raises becomes a Failure."""
    code, capture = compiled(program.source), Capture()
    name = f"pflow_code_{next(_runs)}"
    module = ModuleType(name)
    variables = vars(module)
    variables.update(program.inputs)
    failure = None
    # Dataclasses, for one, look up in their module what annotations mean.
    sys.modules[name] = module
    with capture.running():
        try:
            exec(code, variables)
        except BaseException as exc:
            failure = Failure.of(exc)
        finally:
            sys.modules.pop(name, None)
    return Ended(
        capture.text("stdout"),
        capture.text("stderr"),
        "result" in variables,
        variables.get("result"),
        failure,
    )


def unpicklable(what: str, exc: Exception) -> TypeError:
    """Make the error for a value that cannot be passed to or from another process."""
    return TypeError(
        f'{what} cannot be pickled, but code with a "timeout" runs in a process of '
        f"its own: {exc}"
    )
