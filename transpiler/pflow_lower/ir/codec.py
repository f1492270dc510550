"""Between documents and the intermediate representation, both ways.

Document:  {"nodes": [{"id": "sum", "type": "llm", "params": {"prompt": "${x}"}}]}
Workflow:  Workflow(nodes=(Step(id="sum", type="llm", params=...),), start="sum")

`decode` runs on documents that the schema has passed; what it reports are
templates that cannot be read. `encode` is its inverse: what was not lowered
comes out as it was written, key order and spelling and all, but for `$schema`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from pflow_lower.diagnostics import Code, Diagnostic, report
from pflow_lower.ir.workflow import (
    Array,
    Batch,
    BatchStep,
    Constant,
    Edge,
    Input,
    LoweredWorkflow,
    Object,
    Output,
    RateLimit,
    Retry,
    Step,
    TemplateValue,
    Value,
    Workflow,
)
from pflow_lower.source.positions import JSON, Location
from pflow_lower.template.parser import may_hold_reference, parse_template

_Object: TypeAlias = Mapping[str, Any]
"""A JSON object of a document that the schema has passed."""

_WORKFLOW_KEYS = frozenset(
    {"nodes", "edges", "start_node", "inputs", "outputs", "template_resolution_mode"}
)
_NODE_KEYS = frozenset({"id", "type", "params", "batch"})
_BATCH_TEMPLATES = frozenset({"items", "key", "results_to"})
_EDGE_KEYS = frozenset({"from", "to", "action"})
_INPUT_KEYS = frozenset({"type", "required", "default", "stdin"})
_OUTPUT_KEYS = frozenset({"source"})


def decode(value: JSON) -> tuple[Workflow, tuple[Diagnostic, ...]]:
    """Make the workflow of a document that the schema has passed.

    Gives it with the diagnostics of its templates; where these hold an error,
    the workflow is not whole and must not be used.
    """
    assert isinstance(value, dict)
    decoder = _Decoder()
    workflow = decoder.workflow(value)
    return workflow, tuple(decoder.diagnostics)


def encode(workflow: Workflow | LoweredWorkflow) -> dict[str, JSON]:
    """Make the document of a workflow, lowered or not."""
    return _in_order(
        workflow.keys,
        {
            "nodes": [_encode_node(node) for node in workflow.nodes],
            "edges": [_encode_edge(edge) for edge in workflow.edges],
            "start_node": workflow.start,
            "inputs": {each.name: _encode_input(each) for each in workflow.inputs},
            "outputs": {each.name: _encode_output(each) for each in workflow.outputs},
            "template_resolution_mode": workflow.resolution,
        },
        workflow.extras,
    )


def freeze(value: JSON) -> Value:
    """Make an immutable copy of a JSON value, whose strings are just strings."""
    match value:
        case list():
            return Array(tuple(map(freeze, value)))
        case dict():
            return Object(tuple((key, freeze(item)) for key, item in value.items()))
        case _:
            return Constant(value)


def thaw(value: Value) -> JSON:
    """Make a JSON value; of a template, the text that it was written as."""
    match value:
        case Constant(scalar):
            return scalar
        case TemplateValue(template):
            return template.text
        case Array(items):
            return [thaw(item) for item in items]
        case Object(entries):
            return {key: thaw(item) for key, item in entries}


class _Decoder:
    """Decodes one document and keeps what it has to say about its templates."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []

    def workflow(self, value: _Object) -> Workflow:
        root = Location()
        nodes = tuple(
            self.node(node, root.at("nodes", index))
            for index, node in enumerate(value["nodes"])
        )
        return Workflow(
            nodes=nodes,
            edges=tuple(
                _edge(edge, root.at("edges", index))
                for index, edge in enumerate(value.get("edges", ()))
            ),
            start=value.get("start_node", nodes[0].id),
            resolution=value.get("template_resolution_mode", "strict"),
            inputs=tuple(
                _input(name, spec, root.at("inputs", name))
                for name, spec in value.get("inputs", {}).items()
            ),
            outputs=tuple(
                self.output(name, spec, root.at("outputs", name))
                for name, spec in value.get("outputs", {}).items()
            ),
            extras=_extras(value, _WORKFLOW_KEYS | {"$schema"}),
            keys=tuple(key for key in value if key != "$schema"),
        )

    def node(self, value: _Object, location: Location) -> Step | BatchStep:
        batch = value.get("batch")
        params = self.value(value.get("params", {}), location.at("params"))
        assert isinstance(params, Object)
        common: dict[str, Any] = {
            "id": value["id"],
            "type": value["type"],
            "params": params,
            "extras": _extras(value, _NODE_KEYS),
            "keys": tuple(value),
            "location": location,
        }
        if batch is None:
            return Step(**common)
        return BatchStep(**common, batch=self.batch(batch, location.at("batch")))

    def batch(self, value: _Object, location: Location) -> Batch:
        settings = dict(value)
        for name in value:
            if name in _BATCH_TEMPLATES:
                settings[name] = self.value(value[name], location.at(name))
        if "retry" in settings:
            settings["retry"] = _retry(settings["retry"])
        if "rate_limit" in settings:
            limit = settings["rate_limit"]
            settings["rate_limit"] = RateLimit(**limit, keys=tuple(limit))
        return Batch(
            alias=settings.pop("as", "item"),
            keys=tuple(value),
            location=location,
            **settings,
        )

    def output(self, name: str, value: _Object, location: Location) -> Output:
        source = value.get("source")
        return Output(
            name=name,
            source=None
            if source is None
            else self.string(source, location.at("source")),
            extras=_extras(value, _OUTPUT_KEYS),
            keys=tuple(value),
            location=location,
        )

    def value(self, value: JSON, location: Location) -> Value:
        """Decode a JSON value whose strings may hold references."""
        match value:
            case str():
                return self.string(value, location)
            case list():
                return Array(
                    tuple(
                        self.value(item, location.at(index))
                        for index, item in enumerate(value)
                    )
                )
            case dict():
                return Object(
                    tuple(
                        (key, self.value(item, location.at(key)))
                        for key, item in value.items()
                    )
                )
            case _:
                return Constant(value)

    def string(self, text: str, location: Location) -> Constant | TemplateValue:
        """Decode a string that may hold references; most do not."""
        if not may_hold_reference(text):
            return Constant(text)
        template, problems = parse_template(text)
        for problem in problems:
            malformed = problem.kind == "malformed"
            self.diagnostics.append(
                report(
                    Code.MALFORMED_TEMPLATE if malformed else Code.NEARLY_A_TEMPLATE,
                    location.slice(problem.start, problem.stop),
                    problem.message if malformed else f"plain text: {problem.message}",
                    "write $${ where you mean the two characters ${"
                    if malformed
                    else "write ${...} if a reference is meant",
                )
            )
        return TemplateValue(template, location)


def _retry(value: _Object) -> Retry:
    """Decode how items are retried: with a backoff, other defaults hold."""
    backs_off = "backoff" in value
    settings = {
        "wait": 1 if backs_off else 0,
        "jitter": "full" if backs_off else "none",
        **value,
    }
    if "on" in value:
        settings["on"] = tuple(value["on"])
    return Retry(**settings, keys=tuple(value))


def _edge(value: _Object, location: Location) -> Edge:
    return Edge(
        source=value["from"],
        target=value["to"],
        action=value.get("action", "default"),
        extras=_extras(value, _EDGE_KEYS),
        keys=tuple(value),
        location=location,
    )


def _input(name: str, value: _Object, location: Location) -> Input:
    return Input(
        name=name,
        type=value.get("type"),
        required=value.get("required", True),
        default=freeze(value["default"]) if "default" in value else None,
        stdin=value.get("stdin", False),
        extras=_extras(value, _INPUT_KEYS),
        keys=tuple(value),
        location=location,
    )


def _extras(value: _Object, known: Iterable[str]) -> Object:
    """Keep what is carried through untouched."""
    known = frozenset(known)
    return Object(
        tuple((key, freeze(item)) for key, item in value.items() if key not in known)
    )


def _encode_node(node: Step) -> dict[str, JSON]:
    parts: dict[str, JSON] = {
        "id": node.id,
        "type": node.type,
        "params": thaw(node.params),
    }
    if isinstance(node, BatchStep):
        parts["batch"] = _encode_batch(node.batch)
    return _in_order(node.keys, parts, node.extras)


def _encode_batch(batch: Batch) -> dict[str, JSON]:
    parts: dict[str, JSON] = {
        "items": thaw(batch.items),
        "as": batch.alias,
        "parallel": batch.parallel,
        "max_concurrent": batch.max_concurrent,
        "error_handling": batch.error_handling,
        "max_retries": batch.max_retries,
        "retry_wait": batch.retry_wait,
        "max_items": batch.max_items,
        "key": _thaw_given(batch.key),
        "results_to": _thaw_given(batch.results_to),
        "timeout": batch.timeout,
        "batch_timeout": batch.batch_timeout,
        "tolerated_failure_count": batch.tolerated_failure_count,
        "tolerated_failure_percentage": batch.tolerated_failure_percentage,
    }
    if retry := batch.retry:
        on: list[JSON] = [*(retry.on or ())]
        parts["retry"] = _in_order(retry.keys, retry._asdict() | {"on": on}, Object())
    if limit := batch.rate_limit:
        parts["rate_limit"] = _in_order(limit.keys, limit._asdict(), Object())
    return _in_order(batch.keys, parts, Object())


def _encode_edge(edge: Edge) -> dict[str, JSON]:
    parts: dict[str, JSON] = {
        "from": edge.source,
        "to": edge.target,
        "action": edge.action,
    }
    return _in_order(edge.keys, parts, edge.extras)


def _encode_input(each: Input) -> dict[str, JSON]:
    parts: dict[str, JSON] = {
        "type": each.type,
        "required": each.required,
        "default": _thaw_given(each.default),
        "stdin": each.stdin,
    }
    return _in_order(each.keys, parts, each.extras)


def _encode_output(each: Output) -> dict[str, JSON]:
    parts: dict[str, JSON] = {"source": _thaw_given(each.source)}
    return _in_order(each.keys, parts, each.extras)


def _thaw_given(value: Value | None) -> JSON:
    return None if value is None else thaw(value)


def _in_order(
    keys: Iterable[str], parts: dict[str, JSON], extras: Object
) -> dict[str, JSON]:
    """Put an object together with the keys, and in the order, it was written with."""
    everything = parts | {key: thaw(item) for key, item in extras.entries}
    return {key: everything[key] for key in keys}
