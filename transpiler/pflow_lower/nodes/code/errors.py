"""Errors of code: what was raised, with the line of the code that raised it."""

from typing import NamedTuple

from pflow_lower.nodes.support.errors import ReportingError, of_both_types

FILE = "<code>"
"""What the code is called in tracebacks."""


class CodeError(ReportingError):
    """Code that failed; the message says how, and on which line.

    The exception of the code is the `__cause__`. An instance is also of the type of
    that, in a class of the same name.
    """


class Failure(NamedTuple):
    """What code raised, in parts that can be passed to another process."""

    kind: type[BaseException]
    name: str
    message: str
    line: int | None
    cause: BaseException | None

    @classmethod
    def of(cls, exc: BaseException) -> "Failure":
        """Describe an exception while it still has its traceback."""
        message = repr(exc) if isinstance(exc, SystemExit) else str(exc)
        return cls(type(exc), type(exc).__name__, message, _line(exc), exc)

    def error(self) -> BaseException:
        """Return what the node raises: an interrupt as it is, else a CodeError."""
        if issubclass(self.kind, SystemExit):
            text = f"the code tried to exit: {self.message}"
            return CodeError(_located(text, self.line))
        if issubclass(self.kind, Exception):
            return code_error(self.kind, self.message, self.line, self.name)
        return self.kind()


def code_error(
    kind: type[Exception], message: str, line: int | None, name: str | None = None
) -> CodeError:
    """Make a CodeError that is also a `kind`.

    The exception itself is not changed: what a message is made of differs from type
    to type, and the code may raise the same object again.
    """
    name = name or kind.__name__
    message = _located(f"{name}: {message}" if message else name, line)
    if issubclass(kind, StopIteration | StopAsyncIteration):
        return CodeError(message)  # as what they are, they would end a coroutine
    error = of_both_types(CodeError, kind, name, message)
    if isinstance(error, SyntaxError):
        error.msg = message  # tracebacks show this instead of the message
    return error


def _located(message: str, line: int | None) -> str:
    return message if line is None else f"{message} (line {line})"


def _line(exc: BaseException) -> int | None:
    """Return the line of the code that was running, the innermost of several."""
    line = None
    traceback = exc.__traceback__
    while traceback:
        if traceback.tb_frame.f_code.co_filename == FILE:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
