"""Failures of models: what a provider's library raised, without what nobody may see."""

from json import JSONDecodeError
from typing import Any

from pflow_lower.nodes.support.answers import quoted, reason, retry_after

_MISREAD = (AttributeError, TypeError, LookupError, AssertionError)
"""What libraries raise over an answer that they did not expect."""


class ModelError(RuntimeError):
    """A model gave no answer, or none that can be used.

    `status_code` is what the server said and `retry_after` for how many seconds it
    asked to be left alone; None where it did not. An error that a provider's
    library raised is also of that type, which has its name: records of failures
    show it, and `retry` may name it.
    """

    status_code: int | None = None
    retry_after: float | None = None

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)  # other bases want other arguments
        self._message = message

    def __str__(self) -> str:
        return self._message


def model_error(name: str, exc: Exception) -> ModelError:
    """Make a ModelError of what was raised while a model was asked.

    Its message quotes that, masked. What was raised itself is not kept: it holds the
    request, and so the key.
    """
    error = _of_kind(exc, f'model "{name}": {_described(exc)}')
    response = getattr(exc, "response", None)
    for holder in (exc, response):
        status = getattr(holder, "status_code", None)
        if isinstance(status, int):
            error.status_code = status
            break
    headers = getattr(response, "headers", None)
    if headers is not None:
        error.retry_after = retry_after(headers)
    return error


def _described(exc: Exception) -> str:
    if isinstance(exc, _MISREAD):
        return f"the answer cannot be read: {type(exc).__name__}: {quoted(str(exc))}"
    if isinstance(exc, JSONDecodeError):
        return f"the answer is no JSON: {exc}"
    said = quoted(str(exc))
    why = reason(exc) if exc.__cause__ else said
    if not said:
        return type(exc).__name__
    return said if why == said else f"{said.rstrip('.')}: {why}"


def _of_kind(exc: Exception, message: str) -> ModelError:
    kind: type[Any] = type(exc)
    if isinstance(exc, _MISREAD):
        return ModelError(message)
    try:
        both = type(kind.__name__, (ModelError, kind), {"__module__": kind.__module__})
        error = both(message)
    except Exception:  # a type that cannot be made this way
        return ModelError(message)
    assert isinstance(error, ModelError)
    return error
