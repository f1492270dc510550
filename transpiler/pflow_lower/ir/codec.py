"""Decode documents to the intermediate representation, and encode them again.

Document:  {"nodes": [{"id": "sum", "type": "llm", "params": {"prompt": "${x}"}}]}
Workflow:  Workflow(nodes=(Step(id="sum", type="llm", params=...),), start="sum")

`decode` refuses every document that is not a workflow; `check/schema.py` then finds the
reasons. `encode` is its inverse: nodes that were not lowered are encoded as they were
written, with the same keys in the same order. Only `$schema` is dropped.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from pflow_lower.diagnostics import Code, Diagnostic, report
from pflow_lower.ir.fields import (
    Reader,
    Refused,
    choice,
    filled,
    keys_of,
    matching,
    read_array,
    read_object,
    string,
)
from pflow_lower.ir.workflow import (
    Array,
    BatchStep,
    Constant,
    Edge,
    Input,
    LoweredWorkflow,
    Object,
    Output,
    Record,
    Resolution,
    Retry,
    Step,
    TemplateValue,
    Value,
    Workflow,
    freeze,
    thaw,
)
from pflow_lower.source.positions import JSON, Location
from pflow_lower.support.values import has_type
from pflow_lower.template.parser import may_hold_reference, parse_template

_R = TypeVar("_R", bound=Record)

SUPPORTED_MAJOR = 0
"""The major version of the workflow format that this version knows."""

_PART = "(0|[1-9][0-9]*)"
_version = matching(rf"{SUPPORTED_MAJOR}\.{_PART}\.{_PART}")


def _is_true(value: JSON) -> bool:
    if value is True:
        return value
    raise Refused


_OF_WORKFLOW: Mapping[str, Reader] = {
    "$schema": string,
    "nodes": read_array,
    "edges": read_array,
    "start_node": filled,
    "inputs": read_object,
    "outputs": read_object,
    "template_resolution_mode": choice(get_args(Resolution)),
}

_CARRIED: Mapping[type[Any], Mapping[str, Reader]] = {
    Workflow: {
        "ir_version": _version,
        "enable_namespacing": _is_true,
        **dict.fromkeys(("name", "description", "version", "metadata"), freeze),
    },
    Step: {"purpose": string},
    BatchStep: {"purpose": string},
    Edge: {},
    Input: {"description": string},
    Output: {"type": string, "description": string},
}
"""The keys of each object that are carried through untouched, as those with `_` are.

An object that is not listed has no other keys than its own.
"""


def decode(value: JSON) -> tuple[Workflow, tuple[Diagnostic, ...]]:
    """Return the workflow of a document, and the diagnostics of its templates.

    If these include an error, the workflow is incomplete and must not be used.
    Raises Refused for a document that does not have the shape of a workflow.
    """
    decoder = _Decoder()
    workflow = decoder.workflow(value)
    return workflow, tuple(decoder.diagnostics)


def encode(workflow: Workflow | LoweredWorkflow) -> dict[str, JSON]:
    """Return the document of a workflow, lowered or not."""
    parts: dict[str, JSON] = {
        "nodes": [_encode(node) for node in workflow.nodes],
        "edges": [_encode(edge) for edge in workflow.edges],
        "start_node": workflow.start,
        "inputs": {each.name: _encode(each) for each in workflow.inputs},
        "outputs": {each.name: _encode(each) for each in workflow.outputs},
        "template_resolution_mode": workflow.resolution,
    }
    extras = dict(workflow.extras.entries)
    return {
        name: parts[name] if name in parts else thaw(extras[name])
        for name in workflow.keys
    }


class _Decoder:
    """Decodes one document and collects the diagnostics of its templates."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []

    def workflow(self, value: JSON) -> Workflow:
        root = Location()
        document = read_object(value)
        given = {
            name: read(document[name])
            for name, read in _OF_WORKFLOW.items()
            if name in document
        }
        nodes = tuple(
            self.node(node, root.at("nodes", index))
            for index, node in enumerate(given.get("nodes", ()))
        )
        if not nodes:
            raise Refused
        return Workflow(
            nodes=nodes,
            edges=tuple(
                self.record(Edge, edge, root.at("edges", index))
                for index, edge in enumerate(given.get("edges", ()))
            ),
            start=given.get("start_node", nodes[0].id),
            resolution=given.get("template_resolution_mode", "strict"),
            inputs=tuple(
                self.input(name, each) for name, each in given.get("inputs", {}).items()
            ),
            outputs=tuple(
                self.record(Output, each, root.at("outputs", name), name=name)
                for name, each in given.get("outputs", {}).items()
            ),
            extras=Object(
                tuple(
                    (name, _carried(Workflow, name, part))
                    for name, part in document.items()
                    if name not in _OF_WORKFLOW
                )
            ),
            keys=tuple(name for name in document if name != "$schema"),
        )

    def node(self, value: JSON, location: Location) -> Step | BatchStep:
        kind = BatchStep if "batch" in read_object(value) else Step
        return self.record(kind, value, location)

    def input(self, name: str, value: JSON) -> Input:
        made = self.record(Input, value, Location(("inputs", name)), name=name)
        if made.type is None or made.default in (None, Constant(None)):
            return made
        if has_type(thaw(made.default), made.type):
            return made
        raise Refused

    def record(
        self, kind: type[_R], value: JSON, location: Location, **given: object
    ) -> _R:
        """Decode an object: its known keys to fields, all others to `extras`."""
        known, required = keys_of(kind)
        extras: list[tuple[str, Value]] = []
        document = read_object(value)
        if not required <= document.keys():
            raise Refused
        if kind is Retry and "backoff" in document:
            given = {"wait": 1, "jitter": "full"}
        for name, part in document.items():
            if name not in known:
                extras.append((name, _carried(kind, name, part)))
                continue
            field, key = known[name]
            if isinstance(key.read, type):
                given[field] = self.record(key.read, part, location.at(name))
            elif key.templates:
                given[field] = self.value(key.read(part), location.at(name))
            else:
                given[field] = key.read(part)
        return kind(
            **given,
            extras=Object(tuple(extras)),
            keys=tuple(document),
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
        """Decode a string that may hold references."""
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


def _carried(kind: type[Any], name: str, value: JSON) -> Value:
    """Return the value of a key that is carried through untouched."""
    carried = _CARRIED.get(kind)
    if carried is None:
        raise Refused
    if name in carried:
        carried[name](value)
    elif not name.startswith("_"):
        raise Refused
    return freeze(value)


def _encode(value: object) -> JSON:
    """Return what the value of a field was read from."""
    match value:
        case Record():
            extras = dict(value.extras.entries)
            known = keys_of(type(value)).by_name
            return {
                name: _encode(getattr(value, known[name][0]))
                if name in known
                else thaw(extras[name])
                for name in value.keys
            }
        case tuple():
            return [_encode(item) for item in value]
        case Constant() | TemplateValue() | Array() | Object():
            return thaw(value)
        case None | bool() | int() | float() | str():
            return value
    raise AssertionError(f"no field holds {value!r}")
