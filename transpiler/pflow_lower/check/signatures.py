"""Check nodes against what is known of their types.

Node types and their params come from `catalog.py` (`docs/language.md` § 7), and for a
user's own type from what its class declares.
"""

from collections.abc import Iterator

from pflow_lower.diagnostics import (
    Code,
    Diagnostic,
    did_you_mean,
    quote,
    report,
    suggest,
)
from pflow_lower.ir.workflow import Step, Workflow
from pflow_lower.nodetypes.catalog import Catalog, NodeType


def check_signatures(workflow: Workflow, catalog: Catalog) -> tuple[Diagnostic, ...]:
    """Report unknown types and params, missing params, outputs without a source."""
    found: list[Diagnostic] = []
    for node in workflow.nodes:
        found.extend(_check_type(node, catalog))
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
            f"{quote(node.type)} is not a valid import reference",
            "write package.module:Class, in ASCII identifiers that are not keywords",
        )
    else:
        yield report(
            Code.UNKNOWN_TYPE,
            place,
            f"the node type {quote(node.type)} is unknown here: "
            "it must be installed where the workflow runs",
            did_you_mean(node.type, catalog.names)
            or "refer to a class of your own as package.module:Class",
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
            others = sorted(known.params.keys() - given)
            hint = suggest(name, others, "it also takes")
            yield report(Code.UNKNOWN_PARAM, place.key(name), message, hint)
        else:
            missing.remove(meant)
            message = f'{owner} is missing the param "{meant}"'
            hint = f'write "{meant}" instead of {quote(name)}'
            yield report(Code.MISSING_PARAM, place.key(name), message, hint)
    for name in missing:
        yield report(
            Code.MISSING_PARAM, place, f'{owner} is missing the param "{name}"'
        )
