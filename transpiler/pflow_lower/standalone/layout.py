"""The text of a standalone module: its imports, and one unit after another.

A unit keeps its text, comments and all. What it imports and its docstring go, and
where it speaks of something that has another name now, that stands there instead.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from textwrap import indent
from typing import NamedTuple, TypeGuard

from pflow_lower.codegen.module import import_lines
from pflow_lower.codegen.python import INDENT
from pflow_lower.standalone.linking import Linked
from pflow_lower.standalone.positions import Positions
from pflow_lower.standalone.scopes import is_own
from pflow_lower.standalone.unit import Symbol, Unit, imported


def imports_of(linked: Linked) -> str:
    """Give the imports from outside: Python's own, those of others, and for types."""
    statements = [node for unit in linked.units for node in unit.tree.body]
    blocks = [node for node in statements if _is_for_types(node)]
    for_types = _imported(node for block in blocks for node in block.body)
    spoken_of = {link.symbol for links in linked.links.values() for link in links}
    if for_types:
        spoken_of.add(Symbol("typing", "TYPE_CHECKING"))
    hidden = {symbol for symbol in linked.names if symbol.module == "builtins"}
    theirs = _imported(linked.root.tree.body)
    text = _paragraphs((_imported(statements) | hidden) & spoken_of, theirs, linked)
    if not for_types:
        return text
    inner = _paragraphs(for_types, set(), linked)
    return f"{text}\n\nif TYPE_CHECKING:\n{indent(inner, INDENT)}"


def banner_of(unit: Unit) -> str:
    """Give the name of a unit, and what its docstring says, as comments."""
    said = ast.get_docstring(unit.tree) or ""
    lines = [f"--- {unit.name}", "", *said.splitlines()]
    return "\n".join(f"# {line}".rstrip() for line in lines)


def body_of(unit: Unit, linked: Linked) -> str:
    """Give the text of a unit, without its imports and with the names it has here."""
    text = unit.source
    end = len(text)
    edits = [*_dropped(unit, linked), *_renamed(unit, linked)]
    for edit in sorted(edits, key=lambda one: (-one.end, one.start)):
        if edit.end <= end:  # else it is inside of what is replaced already
            text = text[: edit.start] + edit.text + text[edit.end :]
            end = edit.start
    return text.strip("\n")


class _Edit(NamedTuple):
    """A part of a text, and what stands there instead."""

    start: int
    end: int
    text: str = ""


def _imported(nodes: Iterable[ast.stmt]) -> set[Symbol]:
    """Give what some statements import from outside."""
    return {
        symbol
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for symbol in imported(node).values()
        if not symbol.is_own
    }


def _paragraphs(symbols: set[Symbol], theirs: set[Symbol], linked: Linked) -> str:
    """Write some imports as isort would: Python's own apart from those of others.

    `theirs` are of the user's modules, whatever these are called.
    """
    sections: tuple[set[Symbol], ...] = (set(), set(), set())
    for symbol in symbols:
        top = symbol.module.partition(".")[0]
        is_pythons = symbol not in theirs and top in sys.stdlib_module_names
        sections[0 if top == "__future__" else 1 if is_pythons else 2].add(symbol)
    return "\n\n".join(
        "\n".join(_lines(section, linked)) for section in sections if section
    )


def _lines(symbols: Iterable[Symbol], linked: Linked) -> Iterator[str]:
    """Give the statements that import some symbols, in the order of isort."""
    modules: dict[str, set[str]] = {}
    for module, name in sorted(symbols):
        given = linked.name(Symbol(module, name))
        if name:
            clause = name if name == given else f"{name} as {given}"
            modules.setdefault(module, set()).add(clause)
        else:
            yield f"import {module}" + ("" if module == given else f" as {given}")
    for module in sorted(modules):
        yield from import_lines(module, modules[module])


def _is_for_types(node: ast.stmt) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _dropped(unit: Unit, linked: Linked) -> Iterator[_Edit]:
    """Give what has no place here: imports, the docstring, what stands here already."""
    positions = Positions(unit.source)
    for number, node in enumerate(unit.tree.body):
        is_docstring = number == 0 and ast.get_docstring(unit.tree) is not None
        is_import = isinstance(node, ast.Import | ast.ImportFrom)
        if is_docstring or is_import or _is_superfluous(node, unit, linked):
            start, end = positions.lines(node)
            yield _Edit(len(unit.source[:start].rstrip("\n")), end - 1)
        else:
            yield from _without_imports(node, unit.source, positions)


def _is_superfluous(node: ast.stmt, unit: Unit, linked: Linked) -> bool:
    match node:
        case ast.Assign([ast.Name(name)]):
            return name == "__all__" or Symbol(unit.name, name) in linked.twins
    return _is_for_types(node)


def _without_imports(
    node: ast.stmt, source: str, positions: Positions
) -> Iterator[_Edit]:
    """Drop the imports of our own modules inside of a statement."""
    for parent in ast.walk(node):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(parent, name, None)
            ours = [one for one in _listed(block) if _is_ours(one)]
            for each in ours:
                start, end = positions.lines(each)
                if len(ours) == len(_listed(block)) and each is ours[0]:
                    yield _Edit(*positions.span(each), "pass")
                else:
                    after = source[end:]
                    yield _Edit(start, end + len(after) - len(after.lstrip("\n")))


def _listed(block: object) -> list[ast.stmt]:
    """Give the statements of a block; the body of a lambda is none."""
    return block if isinstance(block, list) else []


def _is_ours(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and is_own(node)


def _renamed(unit: Unit, linked: Linked) -> Iterator[_Edit]:
    """Give the places where something has another name than in its unit."""
    for place, symbol, is_through in linked.links[unit.name]:
        if symbol == Symbol("builtins", "__name__") and unit is not linked.root:
            yield _Edit(place.start, place.end, f'"{unit.name}"')
        elif is_through:
            yield _Edit(place.start, place.end, linked.name(symbol))
        elif (name := linked.name(symbol)) != place.name:
            yield _Edit(place.start, place.start + len(place.name), name)
    positions = Positions(unit.source)
    for node in unit.tree.body:
        yield from _renamed_imports(node, linked, positions)
        yield from _renamed_type_variable(node, unit, linked, positions)


def _renamed_imports(
    node: ast.stmt, linked: Linked, positions: Positions
) -> Iterator[_Edit]:
    """Give the names that are imported under a condition, where they are others."""
    if not isinstance(node, ast.If):
        return
    for each in (*node.body, *node.orelse):
        if isinstance(each, ast.Import):
            for alias in each.names:
                given = linked.name(Symbol(alias.name, ""))
                if given != alias.name:
                    yield _Edit(*positions.span(alias), f"{alias.name} as {given}")


def _renamed_type_variable(
    node: ast.stmt, unit: Unit, linked: Linked, positions: Positions
) -> Iterator[_Edit]:
    """Give the name that a type variable is told: it must be its own."""
    match node:
        case ast.Assign(
            [ast.Name(name)],
            ast.Call(ast.Name("TypeVar"), [ast.Constant() as told, *_]),
        ):
            given = linked.name(Symbol(unit.name, name))
            yield _Edit(*positions.span(told), f'"{given}"')
