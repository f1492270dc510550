"""The order of the passes: from a document to the two artefacts."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from pflow_lower.check.batches import check_batches
from pflow_lower.check.hazards import check_hazards
from pflow_lower.check.kinds import check_kinds
from pflow_lower.check.references import check_references
from pflow_lower.check.semantics import Bindings
from pflow_lower.check.signatures import check_signatures
from pflow_lower.check.wiring import check_wiring
from pflow_lower.codegen.lowering import lower, module_name
from pflow_lower.codegen.module import emit
from pflow_lower.diagnostics import Code, Diagnostic, Severity, has_errors
from pflow_lower.ir.codec import decode, encode
from pflow_lower.ir.fields import Refused
from pflow_lower.ir.workflow import LoweredWorkflow, ResultForm, Workflow
from pflow_lower.nodetypes.catalog import Catalog, ImportReference
from pflow_lower.source.positions import JSON


class Options(NamedTuple):
    """What a lowering depends on besides the document."""

    name: str = "workflow"
    results: ResultForm = "value"
    nodes: Mapping[str, ImportReference] = MappingProxyType({})
    strict: bool = False
    """Whether warnings are errors."""
    ignore: frozenset[Code] = frozenset()
    """The warnings that are not to be reported."""
    folders: tuple[str, ...] = ()
    """Where the user's modules are looked for, besides `sys.path`."""


class Artefacts(NamedTuple):
    """What a workflow was lowered to: as IR, as a document and as a module."""

    before: Workflow
    after: LoweredWorkflow
    ir: dict[str, JSON]
    module: str
    module_name: str


def run_passes(
    value: JSON, options: Options
) -> tuple[Artefacts | None, tuple[Diagnostic, ...]]:
    """Lower a document.

    Returns the artefacts, or None where the workflow has errors, and every
    diagnostic of the stages that were run: a stage that reports errors is the
    last one, since what comes after it relies on what it checks.
    """
    artefacts, found = _run(value, options)
    found = tuple(one for one in found if one.code not in options.ignore)
    if options.strict and found:
        found = tuple(replace(one, severity=Severity.ERROR) for one in found)
        return None, found
    return artefacts, found


def _run(
    value: JSON, options: Options
) -> tuple[Artefacts | None, tuple[Diagnostic, ...]]:
    # The document becomes a workflow, and its templates are parsed. What refuses a
    # document does not say why: the schema does, which takes longer to load.
    try:
        workflow, found = decode(value)
    except Refused:
        from pflow_lower.check.schema import check_schema

        found = check_schema(value)
        assert has_errors(found), "the codec refuses what the schema accepts"
        return None, found
    if has_errors(found):
        return None, found

    # Nodes, params and names do not depend on each other: all in one go.
    catalog = Catalog(options.nodes, options.folders)
    names = Bindings(workflow, catalog)
    found += check_wiring(workflow)
    found += check_signatures(workflow, catalog)
    found += check_batches(names)
    found += check_references(names)
    found += check_kinds(names)
    if has_errors(found):
        return None, found

    # It can be lowered. What may go wrong in a run is looked for last: it takes a
    # graph that is right and names that are bound.
    found += check_hazards(names)

    # From here on nothing can go wrong.
    module = module_name(options.name)
    lowered = lower(workflow, module)
    text = emit(lowered, catalog, options.results, encode(workflow))
    return Artefacts(workflow, lowered, encode(lowered), text, module), found
