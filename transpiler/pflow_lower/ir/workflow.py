"""The intermediate representation: a workflow as the passes see it.

`codec.py` decodes a document to a `Workflow`; `lowering.py` turns that into a
`LoweredWorkflow`. The types guarantee that no batch survives lowering: the nodes are
`Step | BatchStep` before it and `Step | GeneratedStep` after it.

Every type is frozen. Records keep everything the user wrote and its order (`keys`), so
that encoding restores it. Comparisons ignore the order and the `location`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias, get_args

from pflow_lower.ir.fields import (
    Refused,
    boolean,
    choice,
    filled,
    integer,
    matching,
    number,
    read_array,
    read_object,
    reads,
    string,
)
from pflow_lower.source.positions import JSON, Location
from pflow_lower.support.values import INPUT_TYPES
from pflow_lower.template.tree import Scalar, Template


@dataclass(frozen=True, slots=True)
class Constant:
    """A scalar that holds no reference."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class TemplateValue:
    """A string that holds references, or escapes of them."""

    template: Template
    location: Location = field(default=Location(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Array:
    """A JSON array."""

    items: tuple["Value", ...] = ()


@dataclass(frozen=True, slots=True)
class Object:
    """A JSON object, in the order it was written in."""

    entries: tuple[tuple[str, "Value"], ...] = ()


Value: TypeAlias = Constant | TemplateValue | Array | Object
"""A JSON value, its templates read."""


def templates(value: Value) -> Iterator[TemplateValue]:
    """Return the templates in a value, in the order they were written in."""
    match value:
        case TemplateValue():
            yield value
        case Array(items):
            for item in items:
                yield from templates(item)
        case Object(entries):
            for _, entry in entries:
                yield from templates(entry)


def freeze(value: JSON) -> Value:
    """Return an immutable copy of a JSON value; strings are not read as templates."""
    match value:
        case list():
            return Array(tuple(map(freeze, value)))
        case dict():
            return Object(tuple((name, freeze(item)) for name, item in value.items()))
        case _:
            return Constant(value)


def thaw(value: Value) -> JSON:
    """Return the JSON value; a template becomes the text it was written as."""
    match value:
        case Constant(scalar):
            return scalar
        case TemplateValue(template):
            return template.text
        case Array(items):
            return [thaw(item) for item in items]
        case Object(entries):
            return {name: thaw(item) for name, item in entries}


ErrorHandling: TypeAlias = Literal["fail_fast", "continue"]
Jitter: TypeAlias = Literal["none", "full"]
Resolution: TypeAlias = Literal["strict", "permissive"]
ResultForm: TypeAlias = Literal["value", "record"]
"""The form of one result: the primary output, or all outputs and the item."""

RESULT_FORMS: Mapping[str, ResultForm] = MappingProxyType(
    {"value": "value", "record": "record"}
)
"""The forms of a result, by the name of the option."""


class Stream(NamedTuple):
    """Items that are read lazily; `form` is a key of `STREAMS`."""

    form: str
    path: Value


STREAMS: Mapping[str, str] = MappingProxyType(
    {"jsonl": "line", "csv": "row", "lines": "line", "glob": "file"}
)
"""The forms of streams, with the name of one item of each."""

LONGEST = 1_000_000_000
"""The largest number of seconds, and of requests."""

_ALIAS = r"[a-zA-Z_][a-zA-Z0-9_]*"
_EXCEPTION = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*"

_time_limit = number(most=LONGEST, above=0)
_exception = matching(_EXCEPTION)
_jitter = choice(get_args(Jitter))
_status = integer(400, 599)


def _failures(value: JSON) -> tuple[str | int, ...]:
    """Read the failures that are retried: exception classes and HTTP statuses."""
    failures = read_array(value)
    if not failures:
        raise Refused
    return tuple(
        _exception(one) if isinstance(one, str) else _status(one) for one in failures
    )


def _items(value: JSON) -> JSON:
    """Read what the items are: a template, an array, or one source to stream from."""
    match value:
        case str() | list():
            return value
        case dict() if len(value) == 1 and value.keys() <= STREAMS.keys():
            return {form: filled(path) for form, path in value.items()}
    raise Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An object of a document.

    `keys` are the keys it was written with; `extras` are the values of those that are
    carried through untouched.
    """

    extras: Object = Object()
    keys: tuple[str, ...] = field(default=(), compare=False, repr=False)
    location: Location = field(default=Location(), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry(Record):
    """Which failed items are retried, and when.

    Waits are in seconds. `max_attempts` includes the first attempt. If `backoff` is
    given, `wait` and `jitter` have other defaults.
    """

    max_attempts: int = field(default=3, metadata=reads(integer(1, 100), unset=1))
    wait: float = field(default=0, metadata=reads(number(0, LONGEST), unset=0))
    backoff: float = field(default=1, metadata=reads(number(1, LONGEST), unset=1))
    max_wait: float | None = field(default=None, metadata=reads(number(0, LONGEST)))
    jitter: Jitter = field(default="none", metadata=reads(_jitter, unset="none"))
    on: tuple[str | int, ...] | None = field(default=None, metadata=reads(_failures))


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit(Record):
    """At most `requests` attempts in `per` seconds."""

    requests: int = field(metadata=reads(integer(1, LONGEST)))
    per: float = field(metadata=reads(number(most=LONGEST, above=0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Record):
    """How a node is run once per item: `docs/language.md` § 3.

    Settings are written into the generated class in the order of the fields. None means
    that a key is not given.
    """

    items: Value = field(metadata=reads(_items, templates="batch"))
    max_items: int | None = field(default=None, metadata=reads(integer(1)))
    alias: str = field(default="item", metadata=reads(matching(_ALIAS), "as"))
    parallel: bool = field(default=False, metadata=reads(boolean, is_setting=False))
    max_concurrent: int = field(default=10, metadata=reads(integer(1, 100)))
    error_handling: ErrorHandling = field(
        default="fail_fast", metadata=reads(choice(get_args(ErrorHandling)))
    )
    tolerated_failure_count: int | None = field(
        default=None, metadata=reads(integer(0))
    )
    tolerated_failure_percentage: float | None = field(
        default=None, metadata=reads(number(0, 100))
    )
    max_retries: int = field(
        default=1, metadata=reads(integer(1, 10), is_setting=False)
    )
    retry_wait: float = field(default=0, metadata=reads(number(0), is_setting=False))
    retry: Retry | None = field(default=None, metadata=reads(Retry))
    timeout: float | None = field(default=None, metadata=reads(_time_limit))
    batch_timeout: float | None = field(default=None, metadata=reads(_time_limit))
    rate_limit: RateLimit | None = field(default=None, metadata=reads(RateLimit))
    key: Value | None = field(default=None, metadata=reads(filled, templates="item"))
    results_to: Value | None = field(
        default=None, metadata=reads(filled, templates="batch")
    )

    @property
    def stream(self) -> Stream | None:
        """The stream of the items; None if they are an array or a reference."""
        match self.items:
            case Object(((form, path),)):
                return Stream(form, path)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Record):
    """A node that runs once."""

    id: str = field(metadata=reads(filled))
    type: str = field(metadata=reads(filled))
    params: Object = field(
        default=Object(), metadata=reads(read_object, templates="item")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStep(Step):
    """A node that runs once per item."""

    batch: Batch = field(metadata=reads(Batch))


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedStep(Step):
    """A batch node, lowered: a plain node of a generated class.

    `type` and `params` are those of the lowered IR, "module:Class" and the items
    alone; `inner` is the batch node that the class is generated from.
    """

    class_name: str
    inner: BatchStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge(Record):
    """A connection from one node to another, followed on one action."""

    source: str = field(metadata=reads(filled, "from"))
    target: str = field(metadata=reads(filled, "to"))
    action: str = field(default="default", metadata=reads(filled))


@dataclass(frozen=True, slots=True, kw_only=True)
class Input(Record):
    """An input of the workflow; `default` is None if it has none."""

    name: str
    type: str | None = field(default=None, metadata=reads(choice(INPUT_TYPES)))
    required: bool = field(default=True, metadata=reads(boolean))
    default: Value | None = field(default=None, metadata=reads(freeze))
    stdin: bool = field(default=False, metadata=reads(boolean))


@dataclass(frozen=True, slots=True, kw_only=True)
class Output(Record):
    """An output of the workflow; it is left out if it has no source."""

    name: str
    source: Value | None = field(
        default=None, metadata=reads(string, templates="batch")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _AnyWorkflow:
    edges: tuple[Edge, ...] = ()
    start: str
    resolution: Resolution = "strict"
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    extras: Object = Object()
    keys: tuple[str, ...] = ("nodes",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow(_AnyWorkflow):
    """A workflow as it was written."""

    nodes: tuple[Step | BatchStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoweredWorkflow(_AnyWorkflow):
    """The same workflow as a plain DAG: none of its nodes is a batch."""

    nodes: tuple[Step | GeneratedStep, ...]
