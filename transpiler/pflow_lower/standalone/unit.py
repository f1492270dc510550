"""One module that is to be inlined: what its names stand for, and what it needs.

A name of a module stands for a Symbol, the same one in whatever module it is spoken
of: `from pflow_lower.runtime import BatchStep` gives BatchStep of the module
`pflow_lower.runtime.batch.step`, where it is defined.
"""

import ast
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from pflow_lower.standalone.scopes import is_own

PACKAGE = "pflow_lower"
_ROOT = Path(__file__).parent.parent


class Symbol(NamedTuple):
    """A module-level name of a module or, where `name` is empty, the module itself."""

    module: str
    name: str

    @property
    def is_own(self) -> bool:
        """Whether it is of this package, and not of a library."""
        return self.module.partition(".")[0] == PACKAGE


class Unit:
    """A module: its name, its source, and what is in it."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.source = source
        self.tree = ast.parse(source)

    @cached_property
    def names(self) -> dict[str, Symbol]:
        """What each module-level name stands for."""
        found: dict[str, Symbol] = {}
        for node in self._statements():
            if isinstance(node, ast.Import | ast.ImportFrom):
                found.update(imported(node))
            else:
                found.update((name, Symbol(self.name, name)) for name in _bound(node))
        return found

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """The modules of the package that have to come before this one."""
        return self._modules(self.tree.body)

    @cached_property
    def reached(self) -> tuple[str, ...]:
        """The modules of the package that it imports at all, if only when it runs."""
        return self._modules(ast.walk(self.tree))

    def _modules(self, nodes: "Iterator[ast.AST] | list[ast.stmt]") -> tuple[str, ...]:
        """Give the modules that some imports lead to, each once, in their order."""
        found = [
            symbol.module
            for node in nodes
            if isinstance(node, ast.ImportFrom) and is_own(node)
            for symbol in imported(node).values()
        ]
        return tuple(dict.fromkeys(found))

    def _statements(self) -> Iterator[ast.stmt]:
        """Give the statements that are run with the module, those under an `if` too."""
        waiting = list(reversed(self.tree.body))
        while waiting:
            node = waiting.pop()
            yield node
            if isinstance(node, ast.If):
                waiting.extend(reversed([*node.body, *node.orelse]))


def imported(node: ast.Import | ast.ImportFrom) -> dict[str, Symbol]:
    """Give the names that an import binds, and what they stand for."""
    if isinstance(node, ast.Import):
        return {each.asname or each.name: Symbol(each.name, "") for each in node.names}
    module = node.module or ""
    return {
        each.asname or each.name: find(Symbol(module, each.name)) for each in node.names
    }


@cache
def read_unit(name: str) -> Unit:
    """Read a module of the package; raises OSError where its file is not there."""
    path = _path(name)
    return Unit(name, path.read_text("utf-8"))


@cache
def find(symbol: Symbol) -> Symbol:
    """Give the symbol that a name of a module stands for: the one it is defined as."""
    if not symbol.is_own:
        return symbol
    # What a package binds hides a module in it: `main` of the runtime is both.
    found = read_unit(symbol.module).names.get(symbol.name)
    return found or Symbol(f"{symbol.module}.{symbol.name}", "")


def _path(module: str) -> Path:
    path = _ROOT.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _bound(node: ast.stmt) -> Iterator[str]:
    """Give the names that a statement other than an import binds."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Assign(targets=targets):
            for target in targets:
                for each in ast.walk(target):
                    if isinstance(each, ast.Name):
                        yield each.id
        case ast.AnnAssign(target=ast.Name(name)):
            yield name
