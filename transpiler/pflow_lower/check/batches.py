"""Check batches against the rules of `docs/language.md` § 3.

Each batch is checked by itself: its items, its alias, its key, and settings that
conflict. Then two batches that would write to one file are reported.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import TypeAlias

from pflow_lower.check.semantics import Bindings
from pflow_lower.diagnostics import (
    MAX_QUOTED,
    Code,
    Diagnostic,
    Related,
    quote,
    report,
)
from pflow_lower.ir.graph import Graph
from pflow_lower.ir.sites import Site, sites_of
from pflow_lower.ir.workflow import (
    Array,
    Batch,
    BatchStep,
    Constant,
    Object,
    TemplateValue,
    Workflow,
    thaw,
)
from pflow_lower.source.positions import Location
from pflow_lower.template.parser import parse_template
from pflow_lower.template.tree import INDEX, is_name

RESERVED_ALIASES = frozenset({"true", "false", "null", INDEX})

_Named: TypeAlias = tuple[str, Location]
"""What a name stands for, "an input" or "a node", and where it is defined."""


def check_batches(names: Bindings) -> tuple[Diagnostic, ...]:
    """Report what is wrong with the batches of a workflow."""
    batches = [node for node in names.workflow.nodes if isinstance(node, BatchStep)]
    if not batches:
        return ()
    named = dict(_definitions(names.workflow))
    found = [*_check_index(names.workflow), *_check_files(batches, names)]
    for node in batches:
        found.extend(_check_items(node, named))
        found.extend(_check_alias(node, named))
        found.extend(_check_key(node, named))
        found.extend(_check_settings(node.batch))
    return tuple(found)


def _definitions(workflow: Workflow) -> Iterator[tuple[str, _Named]]:
    for each in workflow.inputs:
        yield each.name, ("an input", Location(each.location.path, "key"))
    for node in workflow.nodes:
        yield node.id, ("a node", node.location.at("id"))


def _check_items(node: BatchStep, known: Container[str]) -> Iterator[Diagnostic]:
    items = node.batch.items
    if isinstance(items, Array | Object):  # the keys of an object are known to be right
        return
    found, hint = "text that contains references", ""
    match items:
        case TemplateValue(template) if template.whole is not None:
            return
        case TemplateValue(template) if any(template.references):
            first, *others = template.references
            if not others:
                hint = f"write only {template.text[first.start : first.stop]}"
        case TemplateValue() | Constant():
            text = str(thaw(items))
            found = f"the string {quote(text)}"
            if name := _name_in(text, known):
                hint = f"did you mean {name}?"
            elif (form := _form_of(text)) and len(text) <= MAX_QUOTED:
                source = f'{{"{form}": {quote(text)}}}'
                hint = f'to read the items from files, write "items": {source}'
    yield report(
        Code.ITEMS_NOT_A_REFERENCE,
        node.batch.location.at("items"),
        f'"items" must be one reference or an array, not {found}',
        hint or 'for example "${list_files.lines}" or ["a", "b"]',
    )


def _name_in(text: str, known: Container[str]) -> str:
    """Return the reference that a text would be with the right characters around it."""
    written = f"${{{text.strip('${} ')}}}"
    template, problems = parse_template(written)
    if problems or template.whole is None or len(written) > MAX_QUOTED:
        return ""
    paths = list(template.whole.paths())
    return written if paths and paths[0].name in known else ""


def _form_of(text: str) -> str:
    """Return the form of stream whose path a text could be, or ''."""
    if "*" in text:
        return "glob"
    ending = text.rpartition(".")[2]
    forms = {"jsonl": "jsonl", "ndjson": "jsonl", "csv": "csv", "txt": "lines"}
    return forms.get(ending, "")


def _check_alias(node: BatchStep, names: Mapping[str, _Named]) -> Iterator[Diagnostic]:
    batch = node.batch
    alias = batch.alias
    place = batch.location.at("as") if "as" in batch.keys else batch.location
    hint = 'choose another name for "as"'
    if alias in RESERVED_ALIASES:
        message = f'"{alias}" has another meaning in templates'
        yield report(Code.RESERVED_ALIAS, place, message, hint)
    elif alias in names:
        if "as" not in batch.keys:
            hint = 'give the items another name with "as"'
        kind, there = names[alias]
        message = f'the alias "{alias}" would hide {kind} of the same name'
        related = (Related(there, "this would be hidden"),)
        yield report(Code.ALIAS_HIDES_NAME, place, message, hint, related=related)
    else:
        yield from _check_alias_is_used(node, place, names)


def _check_alias_is_used(
    node: BatchStep, place: Location, known: Container[str]
) -> Iterator[Diagnostic]:
    names = _names(site for site in sites_of(node) if site.bound)
    # An unknown name is an error of its own, and may well be the alias, misspelled.
    if any(name not in known and name != INDEX for name in names):
        return
    alias = node.batch.alias
    message = f'no param of {quote(node.id)} uses the item, "{alias}"'
    if INDEX not in names:
        message += ": every run would be the same"
    hint = f"use ${{{alias}}} in its params"
    yield report(Code.UNUSED_ALIAS, place, message, hint)


def _check_index(workflow: Workflow) -> Iterator[Diagnostic]:
    """Report a node or an input that has the name of the index."""
    message = f'in a batch, "{INDEX}" is the index of the item, which would hide this'
    for name, (_, place) in _definitions(workflow):
        if name == INDEX:
            yield report(Code.ALIAS_HIDES_NAME, place, message, "choose another name")


def _check_key(node: BatchStep, known: Container[str]) -> Iterator[Diagnostic]:
    """Report a key that cannot tell one item from another."""
    batch = node.batch
    if batch.key is None:
        return
    names = _names(site for site in sites_of(node) if site.field == "key")
    if batch.alias in names or INDEX in names:
        if isinstance(batch.items, Array):
            yield from _check_keys(batch, batch.items)
    elif all(name in known for name in names):  # an unknown one is reported elsewhere
        message = f"every item of {quote(node.id)} would have the same key"
        hint = f"for example ${{{batch.alias}}} or ${{{batch.alias}.id}}"
        if isinstance(batch.key, Constant) and is_name(text := str(thaw(batch.key))):
            inside = "" if text == batch.alias else f".{text}"
            hint = f"did you mean ${{{batch.alias}{inside}}}?"
        yield report(Code.KEY_OF_ALL_ITEMS, batch.location.at("key"), message, hint)


def _check_keys(batch: Batch, items: Array) -> Iterator[Diagnostic]:
    from pflow_lower.check.item_keys import find_duplicate_keys

    assert isinstance(batch.key, TemplateValue)
    found = find_duplicate_keys(items, batch.key.template, batch.alias)
    if found is not None:
        first, second = (batch.location.at("items", index) for index in found)
        yield report(
            Code.TWO_ITEMS_OF_ONE_KEY,
            second,
            f"items[{found[1]}] has the same key as items[{found[0]}]",
            "make the keys differ, or remove one of the items",
            related=(Related(first, "the first is here"),),
        )


def _check_settings(batch: Batch) -> Iterator[Diagnostic]:
    """Report settings that conflict."""
    if "max_concurrent" in batch.keys and not batch.parallel:
        message = '"max_concurrent" has no effect: items run one at a time'
        place = batch.location.key("max_concurrent")
        hint = 'set "parallel": true, or remove the key'
        yield report(Code.CAP_WITHOUT_PARALLEL, place, message, hint)
    yield from _check_count(batch)
    yield from _check_retry(batch)
    tolerances = [key for key in batch.keys if key.startswith("tolerated_failure_")]
    if tolerances and batch.error_handling != "continue":
        message = f'"{tolerances[0]}" has no effect: the first failure stops the batch'
        place = batch.location.key(tolerances[0])
        hint = 'set "error_handling": "continue", or remove the key'
        yield report(Code.TOLERANCE_WITHOUT_CONTINUE, place, message, hint)


def _check_count(batch: Batch) -> Iterator[Diagnostic]:
    items, most = batch.items, batch.max_items
    if most is None or not isinstance(items, Array) or len(items.items) <= most:
        return
    message = f'there are {len(items.items)} items, but "max_items" is {most}'
    place = batch.location.at("items", most)
    related = (Related(batch.location.at("max_items"), "the limit is set here"),)
    hint = "remove items, or raise the limit"
    yield report(Code.TOO_MANY_ITEMS, place, message, hint, related=related)


def _check_retry(batch: Batch) -> Iterator[Diagnostic]:
    retry = batch.retry
    if retry is None:
        return
    sugar = [key for key in batch.keys if key in ("max_retries", "retry_wait")]
    if sugar:
        inside = {"max_retries": "max_attempts", "retry_wait": "wait"}[sugar[0]]
        message = f'"{sugar[0]}" and "retry" cannot be used together'
        place = batch.location.key(sugar[0])
        hint = f'inside "retry" it is called "{inside}"'
        related = (Related(batch.location.key("retry"), "it conflicts with this"),)
        yield report(Code.TWO_RETRIES, place, message, hint, related=related)
    if retry.max_wait is not None and retry.max_wait < retry.wait:
        message = f'"max_wait" must be at least {retry.wait}, the value of "wait", '
        message += f"not {retry.max_wait}"
        hint = (
            "" if "wait" in retry.keys else 'with a "backoff", "wait" is 1 by default'
        )
        place = batch.location.at("retry", "max_wait")
        yield report(Code.OUT_OF_RANGE, place, message, hint)


def _check_files(batches: Iterable[BatchStep], names: Bindings) -> Iterator[Diagnostic]:
    """Report files of results that the workflow also reads or writes elsewhere."""
    writers: dict[str, list[BatchStep]] = {}
    for node in batches:
        batch = node.batch
        if batch.results_to is None:
            continue
        path, place = str(thaw(batch.results_to)), batch.location.at("results_to")
        stream = batch.stream
        if stream and stream.form != "glob" and thaw(stream.path) == path:
            message = "the results would overwrite the file that the items come from"
            hint = "write them to another file"
            there = Related(batch.location.at("items", stream.form), "it is read here")
            code = Code.RESULTS_FILE_TAKEN
            yield report(code, place, message, hint, related=(there,))
        others = writers.setdefault(path, [])
        # Nodes on different branches never both run.
        rivals = (each for each in others if _both_run(each.id, node.id, names.graph))
        if rival := next(rivals, None):
            message = f"{quote(rival.id)} also writes its results to this file"
            hint = "one would overwrite the other: use a different file for each"
            there = Related(rival.batch.location.at("results_to"), "the other is here")
            code = Code.RESULTS_FILE_TAKEN
            yield report(code, place, message, hint, related=(there,))
        others.append(node)


def _both_run(one: str, other: str, graph: Graph[str] | None) -> bool:
    if graph is None:  # its mistakes are reported elsewhere
        return False
    return graph.comes_before(one, other) or graph.comes_before(other, one)


def _names(sites: Iterable[Site]) -> set[str]:
    """Return the names that the references begin with."""
    return {use.path.name for site in sites for use in site.uses()}
