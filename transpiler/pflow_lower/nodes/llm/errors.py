"""Failures of models: what a provider's library raised, without its secrets."""

from json import JSONDecodeError

from pflow_lower.nodes.support.answers import quoted, reason, retry_after
from pflow_lower.nodes.support.errors import ReportingError, of_both_types

_MISREAD = (AttributeError, TypeError, LookupError, AssertionError)
"""What libraries raise for an answer that they did not expect."""


class ModelError(ReportingError, RuntimeError):
    """A model gave no answer, or none that can be used.

    `status_code` is that of the server's answer. `retry_after` is for how many seconds
    it asked clients to wait. Either may be None. For an error that a provider's
    library raised, an instance is also of that type, in a class of the same name.
    """

    status_code: int | None = None
    retry_after: float | None = None


def model_error(name: str, exc: Exception) -> ModelError:
    """Make a ModelError of what was raised while a model was asked.

    Its message quotes that, masked. The exception itself is not kept: it holds the
    request, and so the key.
    """
    message = f'model "{name}": {_described(exc)}'
    if isinstance(exc, _MISREAD):
        error = ModelError(message)
    else:
        error = of_both_types(ModelError, type(exc), type(exc).__name__, message)
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
        return f"the answer is not valid JSON: {exc}"
    said = quoted(str(exc))
    why = reason(exc) if exc.__cause__ else said
    if not said:
        return type(exc).__name__
    return said if why == said else f"{said.rstrip('.')}: {why}"
