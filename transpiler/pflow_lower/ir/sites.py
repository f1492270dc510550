"""The sites of a workflow: every reference, and the names bound there.

Workflow:  {"id": "sum", "batch": {"items": "${ls.files}", "as": "file"},
            "params": {"prompt": "${file} in ${style ?? 'prose'}"}, ...}
Sites:     ls.files in the field `items`, where nothing is bound
           file, and style ?? 'prose', in `params`, where `file` and `__index__` are

The metadata of the fields (`fields.py`) tells which of them hold templates and when
these are resolved, so a field that is added is visited, too.
"""

from collections.abc import Iterator
from typing import NamedTuple

from pflow_lower.ir.fields import keys_of
from pflow_lower.ir.workflow import BatchStep, Record, Step, Workflow, templates
from pflow_lower.source.positions import Location
from pflow_lower.template.tree import INDEX, PathOperand, Reference


class Site(NamedTuple):
    """A reference and its location.

    Attributes:
        node: The node that contains it; None for an output.
        field: The field of the node, the batch or the output that holds it.
        bound: The names of the item and its index, if they are bound.
        location: The location of the string that holds it.
        reference: The reference itself.
    """

    node: Step | None
    field: str
    bound: frozenset[str]
    location: Location
    reference: Reference

    def uses(self) -> Iterator["Use"]:
        """Return every path in the reference, those of computed indexes included."""
        for operand in self.reference.operands:
            if isinstance(operand, PathOperand):
                for path in operand.paths():
                    yield Use(self, operand, path)


class Use(NamedTuple):
    """A path in a reference: an operand, or a path that computes an index in one."""

    site: Site
    operand: PathOperand
    path: PathOperand

    @property
    def location(self) -> Location:
        """The characters of the path."""
        return self.site.location.slice(self.path.start, self.path.stop)

    @property
    def is_index(self) -> bool:
        """Whether the path computes an index."""
        return self.path is not self.operand

    @property
    def is_last(self) -> bool:
        """Whether no operand follows that could replace a missing value."""
        return self.operand is self.site.reference.operands[-1]


def sites(workflow: Workflow) -> Iterator[Site]:
    """Return every reference of a workflow."""
    for node in workflow.nodes:
        yield from sites_of(node)
    for output in workflow.outputs:
        yield from _sites(output, None, frozenset())


def sites_of(node: Step) -> Iterator[Site]:
    """Return every reference of a node."""
    bound: frozenset[str] = frozenset()
    if isinstance(node, BatchStep):
        bound = frozenset({node.batch.alias, INDEX})
        yield from _sites(node.batch, node, bound)
    yield from _sites(node, node, bound)


def _sites(record: Record, node: Step | None, bound: frozenset[str]) -> Iterator[Site]:
    for field, key in keys_of(type(record)).by_name.values():
        if not key.templates or (value := getattr(record, field)) is None:
            continue
        known = bound if key.templates == "item" else frozenset()
        for each in templates(value):
            for reference in each.template.references:
                yield Site(node, field, known, each.location, reference)
