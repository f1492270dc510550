"""The errors of a run."""

from collections.abc import Mapping
from typing import Any

from pflow_lower.support.secrets import mask
from pflow_lower.support.text import shorten

_SHOWN = 80
"""How many characters of an item a message shows."""


class RunError(Exception):
    """A workflow cannot be run, or its run failed."""


class InputError(RunError):
    """The inputs are not what the workflow declares; the message lists why."""


class UnknownNodeTypeError(RunError):
    """A node type is not installed where the workflow runs."""


class MissingReferenceError(RunError, LookupError):
    """A reference finds no value, and has no `??` with an alternative."""


class InvalidIndexError(RunError, TypeError):
    """A computed index is not an int."""


class StepError(RunError):
    """A node failed, and no `error` edge leaves it: `docs/language.md` § 3.

    The failure itself is the `__cause__`.

    Attributes:
        node_id: The id of the node.
        output: What the store holds if an `error` edge is followed, None if only
            the error and its type.
    """

    def __init__(
        self, node_id: str, message: str, output: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f'node "{node_id}" failed: {message}')
        self.node_id = node_id
        self.output = output


class BatchError(StepError):
    """An item of a batch failed, and that stopped the batch.

    Attributes:
        index: The index of the item, from 0.
        item: The item.
        results: The results of the items that were started, in order; None for an
            item without one.
    """

    def __init__(
        self,
        node_id: str,
        message: str,
        *,
        index: int,
        item: Any,
        output: dict[str, Any],
    ) -> None:
        shown = shorten(mask(repr(item)), _SHOWN)
        super().__init__(node_id, f"item {index} ({shown}): {message}", output)
        self.index = index
        self.item = item
        self.results: list[Any] = output["results"]


class BatchTimeoutError(RunError, TimeoutError):
    """A batch as a whole took longer than it may."""


class ErrorAction(Exception):  # noqa: N818 - the name stands in error records
    """A node ended with the action `error`; `error` is its output of that name.

    Its outputs may hold what the exception of a client would: the `status_code` of
    a reply, and the seconds of its `retry_after`.
    """

    def __init__(self, error: Any = None, outputs: Mapping[str, Any] = {}) -> None:
        super().__init__("" if error is None else error)
        self.error = error
        self.status_code = outputs.get("status_code")
        self.retry_after = outputs.get("retry_after")


class MissingResultError(RunError):
    """A node did not write the output that is its result."""


def describe(error: BaseException) -> str:
    """Return the message of an error, or its type where the message is empty.

    Secrets in it are masked.
    """
    try:
        message = str(error)
    except Exception:
        message = ""
    return mask(message) if message.strip() else type(error).__name__


def error_value(error: BaseException) -> Any:
    """Return the `error` of the record of a failure."""
    if isinstance(error, ErrorAction) and error.error not in (None, ""):
        return _masked(error.error)
    return describe(error)


def _masked(value: Any) -> Any:
    """Mask the secrets in a text, or in all texts of an object or array."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _masked(each) for key, each in value.items()}
    return [_masked(each) for each in value] if isinstance(value, list) else value
