"""Check nodes against what is known of their types, and batches against the rules.

Node types and their params are those of `catalog.py` (`docs/language.md` § 7),
the rules of batches those of § 3. A type that is the user's own has params that
nobody here knows: they are not checked.
"""

from collections.abc import Container, Iterator, Mapping
from typing import TypeAlias

from pflow_lower.catalog import Catalog, NodeType
from pflow_lower.diagnostics import (
    MAX_QUOTED,
    Code,
    Diagnostic,
    Related,
    did_you_mean,
    quote,
    report,
    suggest,
)
from pflow_lower.ir import (
    Array,
    Batch,
    BatchStep,
    Constant,
    Step,
    TemplateValue,
    Workflow,
    templates,
)
from pflow_lower.source import Location
from pflow_lower.template import INDEX
from pflow_lower.template_text import parse_template

RESERVED_ALIASES = frozenset({"true", "false", "null", INDEX})

_Named: TypeAlias = tuple[str, Location]
"""What has a name, "an input" or "a node", and where that name stands."""


def check_signatures(workflow: Workflow, catalog: Catalog) -> tuple[Diagnostic, ...]:
    """Report unknown types, missing and unknown params, and wrong batches."""
    found: list[Diagnostic] = []
    names: dict[str, _Named] = {}
    for each in workflow.inputs:
        names[each.name] = "an input", Location(each.location.path, "key")
    for node in workflow.nodes:
        names[node.id] = "a node", node.location.at("id")
    for node in workflow.nodes:
        found.extend(_check_type(node, catalog))
        if isinstance(node, BatchStep):
            found.extend(_check_items(node, names))
            found.extend(_check_alias(node, names))
            found.extend(_check_cap(node.batch))
    if INDEX in names and any(isinstance(node, BatchStep) for node in workflow.nodes):
        found.extend(_check_index(workflow))
    for output in workflow.outputs:
        if output.source is None:
            message = f"output {quote(output.name)} has no source: it is left out"
            hint = 'give it a "source" such as "${node.output}"'
            place = output.location
            found.append(report(Code.OUTPUT_WITHOUT_SOURCE, place, message, hint))
    return tuple(found)


def _check_type(node: Step, catalog: Catalog) -> Iterator[Diagnostic]:
    known = catalog.find(node.type)
    place = node.location.at("type")
    if known is not None:
        yield from _check_params(node, known)
    elif ":" in node.type:
        yield report(
            Code.MALFORMED_TYPE,
            place,
            f"{quote(node.type)} is no import reference",
            "it is package.module:Class, of ASCII identifiers that are no keywords",
        )
    else:
        yield report(
            Code.UNKNOWN_TYPE,
            place,
            f"the node type {quote(node.type)} is not known here: "
            "it must be installed where the workflow runs",
            did_you_mean(node.type, catalog.names)
            or "a class of your own is named as package.module:Class",
        )


def _check_params(node: Step, known: NodeType) -> Iterator[Diagnostic]:
    if known.params is None:
        return
    given = [name for name, _ in node.params.entries]
    place = node.location.at("params") if "params" in node.keys else node.location
    missing = [name for name in known.required if name not in given]
    owner = f"node {quote(node.id)} of type {quote(node.type)}"
    for name in given:
        if name in known.params:
            continue
        meant = next((name_ for name_ in missing if did_you_mean(name, [name_])), None)
        if meant is None:
            message = f"the type {quote(node.type)} has no param {quote(name)}"
            others = sorted(known.params.difference(given))
            hint = suggest(name, others, "it also takes")
            yield report(Code.UNKNOWN_PARAM, place.key(name), message, hint)
        else:
            missing.remove(meant)
            message = f'{owner} lacks the param "{meant}"'
            hint = f'write "{meant}" for {quote(name)}'
            yield report(Code.MISSING_PARAM, place.key(name), message, hint)
    for name in missing:
        yield report(Code.MISSING_PARAM, place, f'{owner} lacks the param "{name}"')


def _check_items(node: BatchStep, known: Container[str]) -> Iterator[Diagnostic]:
    items = node.batch.items
    if isinstance(items, Array):
        return
    found, hint = "text with references in it", ""
    match items:
        case TemplateValue(template) if template.whole is not None:
            return
        case TemplateValue(template) if any(template.references):
            first, *others = template.references
            if not others:
                hint = f"write only {template.text[first.start : first.stop]}"
        case TemplateValue() | Constant():
            text = _text(items)
            found = f"the text {quote(text)}"
            if name := _name_in(text, known):
                hint = f"did you mean {name}?"
    yield report(
        Code.ITEMS_NOT_A_REFERENCE,
        node.batch.location.at("items"),
        f'"items" must be one reference or an array, not {found}',
        hint or 'for example "${list_files.lines}" or ["a", "b"]',
    )


def _name_in(text: str, known: Container[str]) -> str:
    """Give the reference that a text would be with the right characters around it."""
    written = f"${{{text.strip('${} ')}}}"
    template, problems = parse_template(written)
    if problems or template.whole is None or len(written) > MAX_QUOTED:
        return ""
    paths = list(template.whole.paths())
    return written if paths and paths[0].name in known else ""


def _check_alias(node: BatchStep, names: Mapping[str, _Named]) -> Iterator[Diagnostic]:
    batch = node.batch
    alias = batch.alias
    place = batch.location.at("as") if "as" in batch.keys else batch.location
    hint = 'choose another name for "as"'
    if alias in RESERVED_ALIASES:
        message = f'"{alias}" means something else in templates'
        yield report(Code.RESERVED_ALIAS, place, message, hint)
    elif alias in names:
        if "as" not in batch.keys:
            hint = 'give the items another name with "as"'
        kind, there = names[alias]
        message = f'the alias "{alias}" would hide {kind} of that name'
        related = (Related(there, "it would be hidden"),)
        yield report(Code.ALIAS_HIDES_NAME, place, message, hint, related=related)
    else:
        yield from _check_alias_is_used(node, place, names)


def _check_alias_is_used(
    node: BatchStep, place: Location, known: Container[str]
) -> Iterator[Diagnostic]:
    names = {
        path.name
        for value in templates(node.params)
        for reference in value.template.references
        for path in reference.paths()
    }
    # An unknown name is an error of its own, and may well be the alias, misspelt.
    if any(name not in known and name != INDEX for name in names):
        return
    alias = node.batch.alias
    message = f'no param of {quote(node.id)} uses the item, "{alias}"'
    if INDEX not in names:
        message += ": every item runs alike"
    hint = f"put ${{{alias}}} into its params"
    yield report(Code.UNUSED_ALIAS, place, message, hint)


def _check_index(workflow: Workflow) -> Iterator[Diagnostic]:
    """Report a node or an input that has the name of the index of items."""
    nodes, inputs = workflow.nodes, workflow.inputs
    places = [each.location.at("id") for each in nodes if each.id == INDEX]
    places += [
        Location(each.location.path, "key") for each in inputs if each.name == INDEX
    ]
    message = f'in a batch, "{INDEX}" is the index of the item, which would hide this'
    for place in places:
        yield report(Code.ALIAS_HIDES_NAME, place, message, "choose another name")


def _check_cap(batch: Batch) -> Iterator[Diagnostic]:
    if "max_concurrent" in batch.keys and not batch.parallel:
        message = '"max_concurrent" does nothing: items run one by one'
        place = batch.location.key("max_concurrent")
        hint = 'set "parallel": true, or leave the key out'
        yield report(Code.CAP_WITHOUT_PARALLEL, place, message, hint)


def _text(value: TemplateValue | Constant) -> str:
    if isinstance(value, TemplateValue):
        return value.template.text
    return str(value.value)
