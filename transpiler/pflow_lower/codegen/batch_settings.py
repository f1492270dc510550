"""Write the settings of a batch as attributes of the generated class.

Before:  Batch(alias="doc", max_retries=3, retry_wait=0.5, ...)
After:   alias = "doc"
         max_concurrent = 1
         error_handling = "fail_fast"
         retry = Retry(max_attempts=3, wait=0.5, on=("BaseException",))

The metadata of the fields of `Batch` tells which are settings and when to omit them.
"""

from dataclasses import replace

from pflow_lower.codegen.python import Expression, call, group, literal
from pflow_lower.ir.fields import keys_of
from pflow_lower.ir.workflow import (
    Batch,
    Constant,
    RateLimit,
    ResultForm,
    Retry,
    TemplateValue,
    Value,
)

_EVERYTHING = ("BaseException",)
"""The exceptions that `max_retries` without `retry` retries: all."""


def settings(batch: Batch, results: ResultForm) -> dict[str, Expression]:
    """Return the settings of a batch by name, in the order of the generated class.

    Settings of type `Retry` and `RateLimit` are calls of the runtime's classes.
    """
    stream = batch.stream
    given: dict[str, Expression] = {}
    written = _written(stream.path if stream else batch.items)
    if written is not None:
        given["items_source"] = literal(written)
    if stream:
        given["items_from"] = literal(stream.form)
    given |= _settings(
        replace(
            batch,
            max_concurrent=batch.max_concurrent if batch.parallel else 1,
            retry=_retry(batch),
        )
    )
    if results != "value":
        given["results"] = literal(results)
    return given


def _settings(record: Batch | Retry | RateLimit) -> dict[str, Expression]:
    given: dict[str, Expression] = {}
    for field, key in keys_of(type(record)).by_name.values():
        value = getattr(record, field)
        if key.is_setting and not key.templates and value != key.unset:
            given[field] = _expression(value)
    return given


def _expression(value: object) -> Expression:
    match value:
        case Retry() | RateLimit():
            return call(type(value).__name__, **_settings(value))
        case tuple():
            return group(map(_expression, value))
        case bool() | int() | float() | str():
            return literal(value)
    raise AssertionError(f"no setting is {value!r}")


def _retry(batch: Batch) -> Retry | None:
    if batch.retry is None and batch.max_retries > 1:
        return Retry(
            max_attempts=batch.max_retries, wait=batch.retry_wait, on=_EVERYTHING
        )
    return batch.retry


def _written(items: Value) -> str | None:
    """Return the template or path that the items are read from; None for an array."""
    match items:
        case TemplateValue(template):
            return template.text
        case Constant(str() as text):
            return text
    return None
