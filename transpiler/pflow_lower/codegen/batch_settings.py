"""The settings of a batch, as what a generated class says of itself.

Before:  Batch(alias="doc", max_retries=3, retry_wait=0.5, ...)
After:   alias = "doc"
         max_concurrent = 1
         error_handling = "fail_fast"
         retry = Retry(max_attempts=3, wait=0.5, on=("BaseException",))

What is not given is left out, and the runtime does without it.
"""

from collections.abc import Mapping
from types import MappingProxyType

from pflow_lower.codegen.python import Expression, call, group, literal
from pflow_lower.ir.workflow import (
    Batch,
    Constant,
    RateLimit,
    ResultForm,
    Retry,
    TemplateValue,
    Value,
)
from pflow_lower.template.tree import Scalar

_NO_RETRY: Mapping[str, object] = MappingProxyType(
    {
        "max_attempts": 1,
        "wait": 0,
        "backoff": 1,
        "max_wait": None,
        "jitter": "none",
        "on": None,
    }
)
"""The fields of the runtime's `Retry`, and what they are where they are left out."""

_EVERYTHING = ("BaseException",)
"""What `max_retries` alone retries on: whatever comes, as it always has."""


def settings(batch: Batch, results: ResultForm) -> dict[str, Expression]:
    """Give the settings that a batch has, by name, in the order they are written in.

    Their values name `Retry` and `RateLimit` of the runtime if the keys `retry`
    and `rate_limit` are among them.
    """
    stream = batch.stream
    scalars: dict[str, Scalar] = {
        "items_source": _written(stream.path if stream else batch.items),
        "items_from": stream.form if stream else None,
        "max_items": batch.max_items,
        "alias": batch.alias,
        "max_concurrent": batch.max_concurrent if batch.parallel else 1,
        "error_handling": batch.error_handling,
        "tolerated_failure_count": batch.tolerated_failure_count,
        "tolerated_failure_percentage": batch.tolerated_failure_percentage,
        "retry": None,
        "timeout": batch.timeout,
        "batch_timeout": batch.batch_timeout,
        "rate_limit": None,
        "results": None if results == "value" else results,
    }
    calls = {"retry": _retry(batch), "rate_limit": _rate_limit(batch.rate_limit)}
    return {
        name: expression
        for name, scalar in scalars.items()
        if (expression := calls.get(name) or _given(scalar))
    }


def _retry(batch: Batch) -> Expression | None:
    retry = batch.retry
    if retry is None and batch.max_retries > 1:
        retry = Retry(batch.max_retries, batch.retry_wait, on=_EVERYTHING)
    if retry is None:
        return None
    fields: dict[str, Expression] = {}
    for name, default in _NO_RETRY.items():
        value = getattr(retry, name)
        if value != default:
            is_group = isinstance(value, tuple)
            fields[name] = group(map(literal, value)) if is_group else literal(value)
    return call("Retry", **fields)


def _rate_limit(limit: RateLimit | None) -> Expression | None:
    if limit is None:
        return None
    return call("RateLimit", requests=literal(limit.requests), per=literal(limit.per))


def _written(items: Value) -> str | None:
    """Give the text that says where items come from; of an array there is none."""
    match items:
        case TemplateValue(template):
            return template.text
        case Constant(str() as text):
            return text
    return None


def _given(scalar: Scalar) -> Expression | None:
    return None if scalar is None else literal(scalar)
