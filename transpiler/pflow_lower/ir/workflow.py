"""The intermediate representation: a workflow as the passes see it.

`codec.py` makes a `Workflow` of a document, `lowering.py` a `LoweredWorkflow` of
that. "No batch survives lowering" is a matter of types: the nodes of the one are
`Step | BatchStep`, those of the other `Step | GeneratedStep`.

Every type is frozen. What the user wrote is all there, in the order it was
written in (`keys`), so that encoding gives it back; where it stands
(`location`) does not count when two of them are compared.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from pflow_lower.source.positions import Location
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
    """Give the templates in a value, in the order they were written in."""
    match value:
        case TemplateValue():
            yield value
        case Array(items):
            for item in items:
                yield from templates(item)
        case Object(entries):
            for _, entry in entries:
                yield from templates(entry)


ErrorHandling: TypeAlias = Literal["fail_fast", "continue"]
Jitter: TypeAlias = Literal["none", "full"]
Resolution: TypeAlias = Literal["strict", "permissive"]
ResultForm: TypeAlias = Literal["value", "record"]
"""What one result of a batch is: the primary output, or all outputs and the item."""

RESULT_FORMS: Mapping[str, ResultForm] = MappingProxyType(
    {"value": "value", "record": "record"}
)
"""The forms of a result, by the name of the option."""


class Stream(NamedTuple):
    """Items that are read as they are needed: `form` is a key of `STREAMS`."""

    form: str
    path: Value


STREAMS: Mapping[str, str] = MappingProxyType(
    {"jsonl": "line", "csv": "row", "lines": "line", "glob": "file"}
)
"""The forms of streams, and what one item of each is."""


class Retry(NamedTuple):
    """Which failed items are tried again, and when; seconds, and factors of them.

    `max_attempts` counts the first one, too. Of `keys` the defaults of the others
    depend: with a `backoff` there is a wait, and a jitter.
    """

    max_attempts: int = 3
    wait: float = 0
    backoff: float = 1
    max_wait: float | None = None
    jitter: Jitter = "none"
    on: tuple[str | int, ...] | None = None
    keys: tuple[str, ...] = ()


class RateLimit(NamedTuple):
    """At most so many attempts in so many seconds."""

    requests: int
    per: float
    keys: tuple[str, ...] = ("requests", "per")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """How a node is run once per item: `docs/language.md` § 3.

    What stands for nothing given is None, where that is no number of its own.
    """

    items: Value
    alias: str = "item"
    parallel: bool = False
    max_concurrent: int = 10
    error_handling: ErrorHandling = "fail_fast"
    max_retries: int = 1
    retry_wait: float = 0
    max_items: int | None = None
    key: Value | None = None
    results_to: Value | None = None
    retry: Retry | None = None
    timeout: float | None = None
    batch_timeout: float | None = None
    rate_limit: RateLimit | None = None
    tolerated_failure_count: int | None = None
    tolerated_failure_percentage: float | None = None
    keys: tuple[str, ...] = field(default=(), compare=False, repr=False)
    location: Location = field(default=Location(), compare=False, repr=False)

    @property
    def stream(self) -> Stream | None:
        """What the items are read from; None where they are an array or a reference."""
        match self.items:
            case Object(((form, path),)):
                return Stream(form, path)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A node that runs once."""

    id: str
    type: str
    params: Object = Object()
    extras: Object = Object()
    keys: tuple[str, ...] = ("id", "type", "params")
    location: Location = field(default=Location(), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStep(Step):
    """A node that runs once per item."""

    batch: Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedStep(Step):
    """A batch node, lowered: a plain node of a generated class.

    `type` and `params` are those of the lowered IR, "module:Class" and the items
    alone; `inner` is the batch node that the class is generated from.
    """

    class_name: str
    inner: BatchStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A way from one node to another, followed on one action."""

    source: str
    target: str
    action: str = "default"
    extras: Object = Object()
    keys: tuple[str, ...] = ("from", "to")
    location: Location = field(default=Location(), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A value that the workflow is given; `default` is None where it has none."""

    name: str
    type: str | None = None
    required: bool = True
    default: Value | None = None
    stdin: bool = False
    extras: Object = Object()
    keys: tuple[str, ...] = ()
    location: Location = field(default=Location(), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A value that the workflow gives; without a source it is left out."""

    name: str
    source: Value | None = None
    extras: Object = Object()
    keys: tuple[str, ...] = ("source",)
    location: Location = field(default=Location(), compare=False, repr=False)


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
