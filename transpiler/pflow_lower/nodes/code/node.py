"""The node type `code`: runs Python code that assigns `result`."""

import __future__

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import count
from keyword import iskeyword
from types import CodeType, ModuleType
from typing import Any

from pflow_lower.nodes.code.capture import Capture
from pflow_lower.nodes.code.deadline import run_within
from pflow_lower.nodes.support import params
from pflow_lower.nodes.support.base import BuiltinNode, Outputs

_logger = logging.getLogger("pflow_lower.nodes")

_FILE = "<code>"
_runs = count(1)


class CodeError(Exception):
    """Code that failed; the message says how, and on which line.

    What the code raised is the `__cause__`. An instance is also of the type of
    that, and of a class with its name: records of failures show both.
    """

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)  # other bases want other arguments
        self._message = message

    def __str__(self) -> str:
        return self._message


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    program: CodeType
    inputs: dict[str, object]
    timeout: float | None


class CodeNode(BuiltinNode):
    """Runs code, catching what it prints, and gives what it assigned to `result`.

    The keys of `inputs` are variables in it. Annotations, such as `x: object` for
    one of them, are not evaluated. What processes or threads started by the code
    print is not caught. (`docs/language.md` § 7)
    """

    params = {"code": "required", "inputs": "optional", "timeout": "optional"}
    outputs = {"result": "any", "stdout": "string", "stderr": "string"}
    result = "result"
    actions = ("default", "error")
    runs = {"code": "python"}

    def read(self) -> _Job:
        """Read `code`, `inputs` and `timeout`; code that is no Python is an error."""
        inputs = params.fields(self.params, "inputs")
        for name in inputs:
            if not name.isidentifier() or iskeyword(name) or name == "__builtins__":
                raise ValueError(f'param "inputs": no variable can be called {name!r}')
        return _Job(
            program=_compiled(params.string(self.params, "code")),
            inputs=inputs,
            timeout=params.seconds(self.params),
        )

    def exec(self, prep_res: _Job) -> Outputs:
        """Run the code.

        Raises CodeError, TimeoutError past `timeout`, and ValueError if the code
        assigns no `result`.
        """
        capture = Capture()
        module = ModuleType(f"pflow_code_{next(_runs)}")
        vars(module).update(prep_res.inputs)
        work = partial(_run, prep_res.program, vars(module))
        around = _surroundings(capture, module)
        try:
            if prep_res.timeout is not None:
                result = run_within(prep_res.timeout, work, around)
            else:
                with around:
                    result = work()
        except BaseException:
            _log(capture)
            raise
        return {
            "result": result,
            "stdout": capture.text("stdout"),
            "stderr": capture.text("stderr"),
        }


@lru_cache(maxsize=256)
def _compiled(source: str) -> CodeType:
    """Compile code, once for all items of a batch."""
    flags = __future__.annotations.compiler_flag
    try:
        program: CodeType = compile(source, _FILE, "exec", flags, dont_inherit=True)
    except SyntaxError as exc:
        raise _error(exc, exc.msg, exc.lineno) from exc
    except ValueError as exc:
        raise ValueError(f'param "code": {exc}') from exc
    return program


@contextmanager
def _surroundings(capture: Capture, module: ModuleType) -> Iterator[None]:
    """Catch what is printed, and let the code's module be found as others are.

    Dataclasses, for one, look up in their module what annotations mean.
    """
    name = module.__name__
    with capture.running():
        sys.modules[name] = module
        try:
            yield
        finally:
            sys.modules.pop(name, None)


def _run(program: CodeType, variables: dict[str, Any]) -> Any:
    try:
        exec(program, variables)
    except SystemExit as exc:
        message = _located(f"the code wants to exit: {exc!r}", _line(exc))
        raise CodeError(message) from exc
    except Exception as exc:
        raise _error(exc, str(exc), _line(exc)) from exc
    if "result" not in variables:
        raise ValueError("the code assigns no `result`")
    return variables["result"]


def _error(exc: Exception, message: str, line: int | None) -> CodeError:
    """Make a CodeError that is also what `exc` is.

    Not by a change of `exc`: what a message is made of differs from type to
    type, and the code may raise the same object again.
    """
    kind = type(exc)
    message = _located(
        f"{kind.__name__}: {message}" if message else kind.__name__, line
    )
    if issubclass(kind, StopIteration | StopAsyncIteration):
        return CodeError(message)  # as what they are, they would end a coroutine
    try:
        both = type(kind.__name__, (CodeError, kind), {"__module__": __name__})
        error = both(message)
    except Exception:  # a type that cannot be made this way
        return CodeError(message)
    assert isinstance(error, CodeError)
    if isinstance(error, SyntaxError):
        error.msg = message  # tracebacks show this instead of the message
    return error


def _located(message: str, line: int | None) -> str:
    return message if line is None else f"{message} (line {line})"


def _line(exc: BaseException) -> int | None:
    """Give the line of the code that was being run, the innermost if there are more."""
    line = None
    traceback = exc.__traceback__
    while traceback:
        if traceback.tb_frame.f_code.co_filename == _FILE:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def _log(capture: Capture) -> None:
    """Keep what failed code has printed from getting lost."""
    for name in ("stdout", "stderr"):
        if printed := capture.text(name):
            _logger.info("failed code printed to %s: %s", name, printed)
