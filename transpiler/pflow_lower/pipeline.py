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
    """What a lowering depends on besides the document.

    Attributes:
        name: The name of the workflow, from which the module gets its own.
        results: The form of one result of a batch (docs/language.md § 3).
        nodes: The import references of node types that are not built in.
        strict: Whether warnings are errors.
        ignore: The codes of warnings that are not reported.
        folders: The folders in which the user's modules are searched, besides
            `sys.path`.
    """

    name: str = "workflow"
    results: ResultForm = "value"
    nodes: Mapping[str, ImportReference] = MappingProxyType({})
    strict: bool = False
    ignore: frozenset[Code] = frozenset()
    folders: tuple[str, ...] = ()


class Artefacts(NamedTuple):
    """The results of lowering a workflow.

    Attributes:
        before: The workflow as it was written.
        after: The same workflow without batch nodes.
        ir: The document of `after`.
        module: The text of the generated Python module.
        module_name: The name under which the document imports that module.
    """

    before: Workflow
    after: LoweredWorkflow
    ir: dict[str, JSON]
    module: str
    module_name: str


def run_passes(
    value: JSON, options: Options
) -> tuple[Artefacts | None, tuple[Diagnostic, ...]]:
    """Lower a document.

    Returns the artefacts, or None if the workflow has errors, and every diagnostic
    of the stages that ran. A stage that reports errors is the last to run, since
    the following stages rely on what it checks.
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
    # Decode the document and parse its templates. The codec does not say why it
    # refuses a document; the schema does, but takes longer to load.
    try:
        workflow, found = decode(value)
    except Refused:
        from pflow_lower.check.schema import check_schema

        found = check_schema(value)
        assert has_errors(found), "the codec refuses what the schema accepts"
        return None, found
    if has_errors(found):
        return None, found

    # Checks of nodes, params and names do not depend on each other: run all of them.
    catalog = Catalog(options.nodes, options.folders)
    names = Bindings(workflow, catalog)
    found += check_wiring(workflow)
    found += check_signatures(workflow, catalog)
    found += check_batches(names)
    found += check_references(names)
    found += check_kinds(names)
    if has_errors(found):
        return None, found

    # The workflow can be lowered. Checks for failures at run time come last: they
    # rely on a valid graph and on bound names.
    found += check_hazards(names)

    # No step from here on can fail.
    module = module_name(options.name)
    lowered = lower(workflow, module)
    text = emit(lowered, catalog, options.results, encode(workflow))
    return Artefacts(workflow, lowered, encode(lowered), text, module), found
