"""Errors of a node that are also of the type of the error that they report."""

from typing import Any, TypeVar


class ReportingError(Exception):
    """An error with a message of its own, whatever else it is an instance of."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)  # other bases want other arguments
        self._message = message

    def __str__(self) -> str:
        return self._message


E = TypeVar("E", bound=ReportingError)


def of_both_types(error_type: type[E], kind: type[Any], name: str, message: str) -> E:
    """Make an error of a class called `name` that is based on both types.

    Records of failures show the name, and `retry` may name either type. A `kind` that
    does not permit this is left out.
    """
    try:
        both = type(name, (error_type, kind), {"__module__": kind.__module__})
        error = both(message)
    except Exception:
        return error_type(message)
    assert isinstance(error, error_type)
    return error
