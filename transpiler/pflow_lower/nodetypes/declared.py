"""What a node class says of itself, read from its source: nothing of it is run.

    class Upper(Node):
        params = {"text": "required", "style": "optional"}   # or names: all optional
        outputs = {"text": "string", "words": "number"}      # or names: of any kind
        result = "text"

Modules are looked for as Python would in folders, and read as text: neither a module
nor a package that it is in is imported. Classes are followed through imports and to
their bases, so long as there is source to read. What is not written out, or is of
another form, is not known, and then nothing is checked.
"""

import ast
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

GROUP = "pflow_lower.nodes"
"""The entry point group under which packages register node types by name."""

Kind: TypeAlias = Literal["string", "number", "boolean", "object", "array", "any"]

_KINDS: Mapping[str, Kind] = {
    "string": "string",
    "number": "number",
    "boolean": "boolean",
    "object": "object",
    "array": "array",
    "any": "any",
}
_USES = {"required": True, "optional": False}
_INIT = "__init__.py"
_ENDS = frozenset({"pocketflow", "pflow_lower", "builtins", "typing", "abc"})
"""Packages whose classes declare nothing."""

_MOST_HOPS = 20


class Declared(NamedTuple):
    """What a class declares; None where nothing is known."""

    params: Mapping[str, bool] | None = None
    """For each param whether it is required."""
    outputs: Mapping[str, Kind] | None = None
    """For each output its kind."""


def declared(module: str, name: str, folders: tuple[str, ...] = ()) -> Declared:
    """Give what a class declares, whose module is in one of some folders or `sys.path`.

    `name` may have dots, for a class inside of another.
    """
    found = _attributes(_Place(module, name), (*folders, *sys.path))
    outputs = _outputs(found.get("outputs"), found.get("result"))
    return Declared(_params(found.get("params")), outputs)


def entry_point(name: str) -> str | None:
    """Give the import reference that an installed package has for a node type."""
    from importlib.metadata import entry_points  # late: it takes its time

    found = next(iter(entry_points(group=GROUP, name=name)), None)
    return found.value if found else None


class _Place(NamedTuple):
    """A name in a module, with dots in it for what is inside of a class."""

    module: str
    name: str


class _Source(NamedTuple):
    """A module as text, and the package that its relative imports begin at."""

    tree: ast.Module
    package: str


def _attributes(place: _Place, path: Sequence[str]) -> dict[str, Any]:
    """Give the attributes of a class, as far as they are literals: else None."""
    classes: list[tuple[_Place, ast.ClassDef]] = []
    waiting = [place]
    while waiting and len(classes) < _MOST_HOPS:
        here = _find(waiting.pop(0), path)
        if here is not None:
            classes.append(here)
            bases = (ast.unparse(base) for base in here[1].bases)
            waiting[:0] = [_Place(here[0].module, base) for base in bases]
    # A class that is a base of several comes after all of them, as in Python.
    return {
        name: value
        for node in dict(reversed(classes)).values()
        for name, value in _assigned(node)
    }


def _assigned(node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    for statement in node.body:
        match statement:
            case ast.Assign([ast.Name(name)], value):
                yield name, _literal(value)
            case ast.AnnAssign(ast.Name(name), _, ast.expr() as value):
                yield name, _literal(value)
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
                yield name, None


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _find(place: _Place, path: Sequence[str]) -> tuple[_Place, ast.ClassDef] | None:
    """Give the definition of a class, through imports, and where it stands."""
    for _ in range(_MOST_HOPS):
        if place.module.partition(".")[0] in _ENDS:
            return None
        head, _, rest = place.name.partition(".")
        source = _source(place.module, path)
        bound = _bound(source.tree, head) if source else None
        if isinstance(bound, ast.ClassDef):
            inner = _inner(bound, rest)
            return (place, inner) if inner else None
        if source is not None and bound is not None:
            place = _imported(bound, place.name, source.package)
        elif rest:  # a module in a package
            place = _Place(f"{place.module}.{head}", rest)
        else:
            return None
    return None


def _inner(node: ast.ClassDef, names: str) -> ast.ClassDef | None:
    """Give a class inside of a class, or the class itself."""
    for name in filter(None, names.split(".")):
        found = _bound(node, name)
        if not isinstance(found, ast.ClassDef):
            return None
        node = found
    return node


def _bound(
    scope: ast.Module | ast.ClassDef, name: str
) -> ast.ClassDef | ast.Import | ast.ImportFrom | None:
    """Give the last statement of a scope that binds a name as a class or an import."""
    for node in reversed(scope.body):
        match node:
            case ast.ClassDef() if node.name == name:
                return node
            case ast.Import() | ast.ImportFrom():
                for each in node.names:
                    if (each.asname or each.name.partition(".")[0]) == name:
                        return node
    return None


def _imported(node: ast.Import | ast.ImportFrom, name: str, package: str) -> _Place:
    """Give the place that an imported name stands for."""
    head, _, rest = name.partition(".")
    for each in node.names:
        if (each.asname or each.name.partition(".")[0]) != head:
            continue
        if isinstance(node, ast.Import):
            return _Place(each.name if each.asname else head, rest)
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        module = ".".join(
            [*(above if node.level else ()), *filter(None, [node.module])]
        )
        return _Place(module, f"{each.name}.{rest}" if rest else each.name)
    raise AssertionError(f"{name} is not imported there")


def _source(module: str, path: Sequence[str]) -> _Source | None:
    """Read a module, or None where it is not there, or cannot be read."""
    file = _file(module, path)
    if file is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open(file, "rb") as stream:
                tree = ast.parse(stream.read())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    is_package = os.path.basename(file) == _INIT
    return _Source(tree, module if is_package else module.rpartition(".")[0])


def _file(module: str, path: Sequence[str]) -> str | None:
    """Find the file of a module as Python does in folders, namespace packages too."""
    folders: Sequence[str] = path
    file: str | None = None
    for part in module.split("."):
        file, portions = None, []
        for folder in folders:
            found = os.path.join(folder, part)
            if os.path.isfile(os.path.join(found, _INIT)):
                file, portions = os.path.join(found, _INIT), [found]
                break
            if os.path.isfile(f"{found}.py"):
                file, portions = f"{found}.py", []
                break
            if os.path.isdir(found):
                portions.append(found)
        folders = portions
    return file


def _params(value: Any) -> Mapping[str, bool] | None:
    if _is_names(value):
        return dict.fromkeys(value, False)
    if isinstance(value, dict) and _is_names([*value]):
        uses = [_USES.get(use) for use in value.values() if isinstance(use, str)]
        if len(uses) == len(value) and None not in uses:
            return {name: value[name] == "required" for name in value}
    return None


def _outputs(value: Any, result: Any) -> Mapping[str, Kind] | None:
    """Give the outputs; the primary one is among them in any case."""
    if _is_names(value):
        outputs = dict.fromkeys(value, _KINDS["any"])
    elif isinstance(value, dict) and _is_names([*value]):
        outputs = {
            name: _KINDS[kind]
            for name, kind in value.items()
            if isinstance(kind, str) and kind in _KINDS
        }
        if len(outputs) < len(value):
            return None
    else:
        return None
    if isinstance(result, str):
        outputs.setdefault(result, "any")
    return outputs


def _is_names(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(name, str) for name in value
    )
