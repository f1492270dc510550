"""Warn of what lowers without an error and may still go wrong in a run.

Three things are looked for: an element of `results` that is null because its item
failed, an item that becomes part of a shell command, and a reference to a node that
some path through the workflow bypasses. None is guesswork: each happens in some run,
if every edge is followed in some run (`docs/language.md` §§ 2 and 3).

This check comes last, for a workflow without errors: each name is bound, and there
is no cycle.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pflow_lower.check.control_flow import END, ControlFlow, Point, Points
from pflow_lower.check.semantics import Bindings
from pflow_lower.diagnostics import Code, Diagnostic, Related, quote, report
from pflow_lower.ir.sites import Site, Use
from pflow_lower.ir.workflow import BatchStep, Step, TemplateValue
from pflow_lower.nodetypes.catalog import BATCH_OUTPUTS, ERROR_OUTPUTS, Kind
from pflow_lower.template.tree import Operand, PathOperand


def check_hazards(names: Bindings) -> tuple[Diagnostic, ...]:
    """Warn of what may go wrong in a run."""
    return (
        *_check_elements(names),
        *_check_commands(names),
        *_Branches(names).check(names.sites),
    )


def _with_fallback(site: Site, text: str) -> str:
    """Return the reference with one more operand."""
    return f"{str(site.reference)[:-1]} ?? {text}}}"


def _check_elements(names: Bindings) -> Iterator[Diagnostic]:
    """Warn of elements of `results` that are null if an item failed."""
    for site in names.sites:
        for use in site.uses():
            owner = names.nodes.get(use.path.name)
            match use.path.segments:
                case ("results", int() | PathOperand(), *_) if (
                    isinstance(owner, BatchStep)
                    and owner.batch.error_handling == "continue"
                ):
                    yield from _check_element(use, owner)


def _check_element(use: Use, owner: BatchStep) -> Iterator[Diagnostic]:
    path, site = use.path, use.site
    continues = len(path.segments) > 2
    is_index = use.is_index and not continues
    # A path into null is missing, so `??` helps; null as an index is an error.
    if not use.is_last and not is_index:
        return
    if is_index:
        hint = 'null is not an index: set "error_handling" to "fail_fast"'
    elif continues:
        hint = f"add a fallback, {_with_fallback(site, '...')}"
    else:
        hint = f"write {_with_fallback(site, 'null')} if null is acceptable, or see "
        hint += f"${{{path.name}.errors}} for the failures"
    there = Related(owner.batch.location.at("error_handling"), "this makes it continue")
    yield report(
        Code.MAYBE_NULL,
        use.location,
        f"${{{PathOperand(path.name, path.segments[:2])}}} may be null: "
        f"{quote(path.name)} continues when an item fails",
        hint,
        related=(there,),
    )


def _check_commands(names: Bindings) -> Iterator[Diagnostic]:
    """Warn of items that become part of a command that a shell parses."""
    for node in names.workflow.nodes:
        known = names.catalog.find(node.type)
        if known is None or not isinstance(node, BatchStep):
            continue
        for param, value in node.params.entries:
            if known.runs.get(param) == "shell" and isinstance(value, TemplateValue):
                yield from _check_command(value, node.batch.alias)


def _check_command(command: TemplateValue, alias: str) -> Iterator[Diagnostic]:
    # As an index the item chooses what is run; it is not run itself.
    for reference in command.template.references:
        for operand in reference.operands:
            if isinstance(operand, PathOperand) and operand.name == alias:
                item = f"${{{operand}}}"
                yield report(
                    Code.ITEM_IN_COMMAND,
                    command.location.slice(operand.start, operand.stop),
                    f"{item} becomes part of a command: "
                    "the shell runs whatever it contains",
                    f'use a list, ["cat", "{item}"], or set "env": '
                    f'{{"ITEM": "{item}"}} and write \\"$ITEM\\"',
                )


class _Doubt(NamedTuple):
    """A path that has no value in a run that bypasses all of the points.

    `alone` is whether the reference has no other operand.
    """

    use: Use
    points: Points
    alone: bool


class _Branches:
    """What a workflow with branches has run at each reference."""

    def __init__(self, names: Bindings) -> None:
        self.names = names
        self.flow = ControlFlow(names.workflow)

    def check(self, sites: Iterable[Site]) -> Iterator[Diagnostic]:
        """Warn of references to nodes that may not have run, or have failed."""
        if not self.flow.branches:
            return
        doubts = [doubt for site in sites for doubt in self._doubts(site)]
        bypassed = self.flow.bypassed(
            (doubt.points, self._goal(doubt.use.site)) for doubt in doubts
        )
        for doubt in doubts:
            if (doubt.points, self._goal(doubt.use.site)) in bypassed:
                yield self._report(doubt)

    def _goal(self, site: Site) -> Point:
        return END if site.node is None else self.flow.ran(site.node.id)

    def _doubts(self, site: Site) -> Iterator[_Doubt]:
        """Return what the last operand needs if no operand before it has a value."""
        *earlier, last = site.reference.operands
        points: Points = frozenset()
        for operand in earlier:
            needed = self._needs(operand)
            if needed is None:
                return
            points |= needed
        for use in site.uses():
            needed = self._needs(use.path) if use.operand is last else None
            if needed is not None and use.path.name in self.names.nodes:
                yield _Doubt(use, points | needed, alone=not earlier)

    def _needs(self, operand: Operand) -> Points | None:
        """Return the points without which an operand is certainly missing.

        None if that is unknown, as for the item of a batch. What a node of an unknown
        type outputs when it fails is not known; a batch has its outputs in any case.
        """
        if not isinstance(operand, PathOperand):
            return None
        each = self.names.inputs.get(operand.name)
        if each is not None and not each.required and each.default is None:
            return frozenset()
        node = self.names.nodes.get(operand.name)
        if node is None:
            return None
        is_batch = isinstance(node, BatchStep)
        known = BATCH_OUTPUTS if is_batch else self._outputs(node)
        if not operand.segments or known is None:
            return frozenset({self.flow.ran(node.id)})
        if operand.segments[0] in ERROR_OUTPUTS:
            return frozenset({self.flow.failed(node.id)})
        return frozenset(
            {self.flow.ran(node.id) if is_batch else self.flow.succeeded(node.id)}
        )

    def _outputs(self, node: Step) -> Mapping[str, Kind] | None:
        known = self.names.catalog.find(node.type)
        return known.outputs if known and known.is_built_in else None

    def _report(self, doubt: _Doubt) -> Diagnostic:
        site, path = doubt.use.site, doubt.use.path
        ran, goal = self.flow.ran(path.name), self._goal(site)
        there = quote(site.node.id) if site.node else "the end"
        hint = f"add a fallback, {_with_fallback(site, '...')}"
        related: tuple[Related, ...] = ()
        if not doubt.alone:
            message = f"{site.reference} is missing on some path to {there}"
        elif self.flow.is_certain(ran, goal):
            message, hint = self._of_failure(path, goal, hint)
            edge = self.flow.error_edges[path.name]
            related = (Related(edge.location, "followed if it fails"),)
        else:
            branch_point = self.flow.branch_point(ran, goal)
            message = f"{quote(path.name)} may not have run: a path leads from "
            message += f"{quote(branch_point)} to {there} that skips it"
            place = self.names.nodes[branch_point].location.at("id")
            related = (Related(place, "paths diverge here"),)
        return report(
            Code.MAYBE_NOT_RUN, doubt.use.location, message, hint, related=related
        )

    def _of_failure(self, path: PathOperand, goal: Point, hint: str) -> tuple[str, str]:
        """Return message and hint for a node that has run but lacks an output."""
        node = quote(path.name)
        lacks = f'it has no "{path.segments[0]}"'
        if self.flow.is_certain(self.flow.failed(path.name), goal):
            return f"{node} has failed by then: {lacks}", (
                f"see ${{{path.name}.error}} for the reason"
            )
        if self.flow.is_certain(self.flow.succeeded(path.name), goal):
            return f"{node} has not failed by then: {lacks}", (
                'it has one where the edge for the action "error" leads'
            )
        may = "may not" if path.segments[0] in ERROR_OUTPUTS else "may"
        return f"{node} {may} have failed: {lacks} in that case", hint
