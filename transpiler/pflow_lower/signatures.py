"""Check nodes against what is known of their types, and batches against the rules.

Node types and their params are those of `catalog.py` (`docs/language.md` § 7),
the rules of batches those of § 3. A type that is the user's own has params that
nobody here knows: they are not checked.
"""

from collections.abc import Collection, Iterator

from pflow_lower.catalog import Catalog, NodeType
from pflow_lower.diagnostics import Code, Diagnostic, did_you_mean, quote, report
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

RESERVED_ALIASES = frozenset({"true", "false", "null", "__index__"})


def check_signatures(workflow: Workflow, catalog: Catalog) -> tuple[Diagnostic, ...]:
    """Report unknown types, missing and unknown params, and wrong batches."""
    found: list[Diagnostic] = []
    for node in workflow.nodes:
        found.extend(_check_type(node, catalog))
        if isinstance(node, BatchStep):
            found.extend(_check_items(node))
            found.extend(_check_alias(node, workflow))
            found.extend(_check_cap(node.batch))
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
            "it is package.module:Class, in ASCII letters, digits and _",
        )
    else:
        yield report(
            Code.UNKNOWN_TYPE,
            place,
            f"the node type {quote(node.type)} is not known here: "
            "it must be installed where the workflow runs",
            did_you_mean(node.type, catalog.names),
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
            hint = did_you_mean(name, known.params - set(given))
            yield report(Code.UNKNOWN_PARAM, place.key(name), message, hint)
        else:
            missing.remove(meant)
            message = f'{owner} lacks the param "{meant}"'
            hint = f'write "{meant}" for {quote(name)}'
            yield report(Code.MISSING_PARAM, place.key(name), message, hint)
    for name in missing:
        yield report(Code.MISSING_PARAM, place, f'{owner} lacks the param "{name}"')


def _check_items(node: BatchStep) -> Iterator[Diagnostic]:
    items = node.batch.items
    if isinstance(items, Array):
        return
    if isinstance(items, TemplateValue) and items.template.whole is not None:
        return
    if isinstance(items, Constant):
        found = f"the text {quote(str(items.value))}"
    else:
        found = "text with references in it"
    yield report(
        Code.ITEMS_NOT_A_REFERENCE,
        node.batch.location.at("items"),
        f'"items" must be one reference or an array, not {found}',
        'for example "${list_files.lines}" or ["a", "b"]',
    )


def _check_alias(node: BatchStep, workflow: Workflow) -> Iterator[Diagnostic]:
    batch = node.batch
    place = batch.location.at("as") if "as" in batch.keys else batch.location
    nodes = {each.id: each.location for each in workflow.nodes}
    inputs = {each.name: each.location for each in workflow.inputs}
    if batch.alias in RESERVED_ALIASES:
        message = f'"{batch.alias}" means something else in templates'
        hint = 'choose another name for "as"'
        yield report(Code.RESERVED_ALIAS, place, message, hint)
    for name, here in ((batch.alias, place), ("__index__", batch.location)):
        kind = "node" if name in nodes else "input"
        if name in nodes or name in inputs:
            message = f'"{name}" is the name of the item, and of a {kind}: it hides it'
            yield report(Code.ALIAS_HIDES_NAME, here, message, "rename one of the two")
    if batch.alias not in RESERVED_ALIASES:
        yield from _check_alias_is_used(node, place, nodes.keys() | inputs.keys())


def _check_alias_is_used(
    node: BatchStep, place: Location, others: Collection[str]
) -> Iterator[Diagnostic]:
    names = {
        path.name
        for value in templates(node.params)
        for reference in value.template.references
        for path in reference.paths()
    }
    # An unknown name is an error of its own, and may well be the alias, misspelt.
    if names <= {*others, "__index__"}:
        alias = node.batch.alias
        message = f'no param of {quote(node.id)} uses "{alias}": every item runs alike'
        hint = f"put ${{{alias}}} into its params"
        yield report(Code.UNUSED_ALIAS, place, message, hint)


def _check_cap(batch: Batch) -> Iterator[Diagnostic]:
    if "max_concurrent" in batch.keys and not batch.parallel:
        message = '"max_concurrent" does nothing: items run one by one'
        place = batch.location.key("max_concurrent")
        hint = 'set "parallel": true'
        yield report(Code.CAP_WITHOUT_PARALLEL, place, message, hint)
