"""Check that the kind of a value fits where it is used: items, and paths of files.

Items must be an array, the path of a file a string. The kind of a reference is known
if its node type declares outputs, or its input a type; `references.py` reports
references that are not bound.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from pflow_lower.check.semantics import Bindings
from pflow_lower.diagnostics import Code, Diagnostic, quote, report
from pflow_lower.ir.workflow import BatchStep, Step, TemplateValue, Value
from pflow_lower.nodetypes.catalog import Kind
from pflow_lower.source.positions import Location
from pflow_lower.template.tree import LiteralOperand, PathOperand

_WITH_ARTICLE: Mapping[str, str] = MappingProxyType(
    {
        "number": "a number",
        "boolean": "a boolean",
        "object": "an object",
        "array": "an array",
        "null": "null",
        "path": "the path of a file",
    }
)
"""The kinds of values that do not fit everywhere; a string may hold JSON."""


def check_kinds(names: Bindings) -> tuple[Diagnostic, ...]:
    """Report items that are known not to be an array, and paths that are no string."""
    found: list[Diagnostic] = []
    for node in names.workflow.nodes:
        if isinstance(node, BatchStep):
            found.extend(_check_batch(node, names))
    return tuple(found)


class _Known(NamedTuple):
    """A reference that is a whole value, its kind, and the node that it refers to."""

    text: str
    kind: Kind | str
    owner: Step | None


def _check_batch(node: BatchStep, names: Bindings) -> Iterator[Diagnostic]:
    batch = node.batch
    stream = batch.stream
    place = batch.location.at("items")
    if stream is None:
        if known := _known(batch.items, node, names):
            yield from _check_list(known, place, names)
    elif known := _known(stream.path, node, names):
        yield from _check_path(known, place.at(stream.form), is_read=True)
    if known := _known(batch.results_to, node, names):
        place = batch.location.at("results_to")
        yield from _check_path(known, place, is_read=False)


def _known(value: Value | None, node: BatchStep, names: Bindings) -> _Known | None:
    """Return what is known of a value that is one reference with one operand."""
    if not isinstance(value, TemplateValue) or value.template.whole is None:
        return None
    reference = value.template.whole
    first, *others = reference.operands
    if others:
        return None
    owner = None
    if isinstance(first, PathOperand):
        owner = names.nodes.get(first.name)
        if first.name in names.ambiguous:
            return None
        if owner is not None and not names.has_run(owner.id, node):
            return None
    kind = "null" if first == LiteralOperand(None) else names.kind(first)
    return _Known(str(reference), kind, owner)


def _check_list(
    known: _Known, place: Location, names: Bindings
) -> Iterator[Diagnostic]:
    if known.kind not in _WITH_ARTICLE or known.kind == "array":
        return
    owner, hint = known.owner, ""
    if known.kind == "path":
        hint = f'to read that file, write "items": {{"jsonl": "{known.text}"}}'
    elif owner is not None:
        outputs = names.outputs(owner.id) or {}
        arrays = [name for name in outputs if outputs[name] == "array"]
        if arrays:
            hint = f"for example ${{{owner.id}.{arrays[0]}}}"
    what = f"{quote(known.text)} is {_WITH_ARTICLE[known.kind]}"
    message = f"{what}: the items of a batch must be an array"
    yield report(Code.ITEMS_NOT_A_LIST, place, message, hint)


def _check_path(
    known: _Known, place: Location, *, is_read: bool
) -> Iterator[Diagnostic]:
    if known.kind not in _WITH_ARTICLE or known.kind == "path":
        return
    hint = ""
    if is_read and known.kind == "array":
        hint = f'an array is not a file: write "items": "{known.text}"'
        if isinstance(known.owner, BatchStep):
            hint += f', or give {quote(known.owner.id)} a "results_to"'
    what = f"{quote(known.text)} is {_WITH_ARTICLE[known.kind]}"
    message = f"{what}: the path of a file must be a string"
    yield report(Code.NOT_A_PATH, place, message, hint)
