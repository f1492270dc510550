"""Read what a node class declares from its source, without running any of it.

    class Query(Node):
        params = {"sql": "required", "limit": "optional"}   # or names: all optional
        outputs = {"rows": "array", "count": "number"}      # or names: of any kind
        result = "rows"
        actions = ("default", "empty")
        runs = {"sql": "sql"}                               # a param that is code

Modules are searched for in folders as Python does it, and read as text: neither a
module nor its package is imported. Imports and base classes are followed as long as
there is source to read. A value that is not a literal of one of these forms is not
known, and then nothing is checked.
"""

import ast
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias, TypeGuard, get_args

GROUP = "pflow_lower.nodes"
"""The entry point group under which packages register node types by name."""

Kind: TypeAlias = Literal["string", "number", "boolean", "object", "array", "any"]

_KINDS: Mapping[str, Kind] = {kind: kind for kind in get_args(Kind)}
_USES = {"required": True, "optional": False}
_INIT = "__init__.py"
_ENDS = frozenset({"pocketflow", "pflow_lower", "builtins", "typing", "abc"})
"""Packages whose classes declare nothing."""

_MOST_HOPS = 20


class Declared(NamedTuple):
    """What a class declares; None, or an empty `runs`, where nothing is known."""

    params: Mapping[str, bool] | None = None
    """Whether each param is required."""
    outputs: Mapping[str, Kind] | None = None
    """The kind of each output."""
    actions: tuple[str, ...] | None = None
    """The actions that the node may end with."""
    runs: Mapping[str, str] = MappingProxyType({})
    """The language of each param that is code, such as `shell` or `python`."""


def declared(module: str, name: str, folders: tuple[str, ...] = ()) -> Declared:
    """Return what a class declares; its module is in one of `folders` or `sys.path`.

    `name` has dots for a class inside another.
    """
    return _declared(_attributes(_Place(module, name), (*folders, *sys.path)))


def declared_in(source: bytes, name: str) -> Declared:
    """Return what a class declares in this source alone, its bases left out."""
    node = _bound(ast.parse(source), name)
    return _declared(dict(_assigned(node)) if isinstance(node, ast.ClassDef) else {})


def entry_point(name: str) -> str | None:
    """Return the import reference that an installed package has for a node type."""
    from importlib.metadata import entry_points  # late: slow to import

    found = next(iter(entry_points(group=GROUP, name=name)), None)
    return found.value if found else None


class _Place(NamedTuple):
    """A name in a module, with dots for what is inside a class."""

    module: str
    name: str


class _Source(NamedTuple):
    """A parsed module, and the package that its relative imports start from."""

    tree: ast.Module
    package: str


def _attributes(place: _Place, path: Sequence[str]) -> dict[str, Any]:
    """Return the attributes of a class; one that is not a literal is None."""
    classes: list[tuple[_Place, ast.ClassDef]] = []
    waiting = [place]
    while waiting and len(classes) < _MOST_HOPS:
        here = _find(waiting.pop(0), path)
        if here is not None:
            classes.append(here)
            bases = (ast.unparse(base) for base in here[1].bases)
            waiting[:0] = [_Place(here[0].module, base) for base in bases]
    # A base of several classes comes after all of them, as in Python.
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
    """Return the definition of a class, found through imports, and its place."""
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
    """Return a class inside a class, or the class itself."""
    for name in filter(None, names.split(".")):
        found = _bound(node, name)
        if not isinstance(found, ast.ClassDef):
            return None
        node = found
    return node


def _bound(
    scope: ast.Module | ast.ClassDef, name: str
) -> ast.ClassDef | ast.Import | ast.ImportFrom | None:
    """Return the last statement that binds a name to a class or an import."""
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
    """Return the place that an imported name refers to."""
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
    """Read a module; None where it is missing or cannot be read."""
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
    """Find the file of a module as Python does, namespace packages included."""
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


def _declared(attributes: Mapping[str, Any]) -> Declared:
    actions, runs = attributes.get("actions"), attributes.get("runs")
    return Declared(
        _params(attributes.get("params")),
        _outputs(attributes.get("outputs"), attributes.get("result")),
        tuple(actions) if _is_names(actions) else None,
        runs if _is_table(runs) else {},
    )


def _params(value: Any) -> Mapping[str, bool] | None:
    if _is_names(value):
        return dict.fromkeys(value, False)
    if _is_table(value) and _USES.keys() >= {*value.values()}:
        return {name: _USES[use] for name, use in value.items()}
    return None


def _outputs(value: Any, result: Any) -> Mapping[str, Kind] | None:
    """Return the outputs, with the primary one always among them."""
    if _is_names(value):
        outputs = dict.fromkeys(value, _KINDS["any"])
    elif _is_table(value) and _KINDS.keys() >= {*value.values()}:
        outputs = {name: _KINDS[kind] for name, kind in value.items()}
    else:
        return None
    if isinstance(result, str):
        outputs.setdefault(result, "any")
    return outputs


def _is_names(value: Any) -> TypeGuard[Sequence[str]]:
    return isinstance(value, list | tuple) and _are_strings(value)


def _is_table(value: Any) -> TypeGuard[Mapping[str, str]]:
    return isinstance(value, dict) and _are_strings([*value, *value.values()])


def _are_strings(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
