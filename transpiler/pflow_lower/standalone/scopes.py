"""Where a module speaks of its own module-level names, and of what it imports.

    import json                         # json, at 1:7

    def text(value, *, default=json):   # text, json; but not value and default
        return json.dumps(value)        # json

To rename a module-level name takes all its places, and none of a local variable, a
parameter or an attribute that is called the same.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pflow_lower.standalone.fields import expressions
from pflow_lower.standalone.positions import Positions

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


class Place(NamedTuple):
    """A name in a text, in characters: `imports` are those of the functions around.

    `attribute` is what is asked of it, and `end` where that ends.
    """

    name: str
    start: int
    end: int
    attribute: str | None = None
    imports: tuple[ast.ImportFrom, ...] = ()


def places(source: str, tree: ast.Module) -> list[Place]:
    """Give the places of module-level names in a module, in their order.

    A name that a function imports from a module counts as one of these where
    `imports` has it. Names in annotations that are strings are among them.
    """
    finder = _Finder(source)
    finder.visit_all(tree.body)
    return sorted(set(finder.found), key=lambda place: place.start)


class _Scope(NamedTuple):
    """The names of a function, a class or a comprehension."""

    names: frozenset[str]
    is_class: bool = False
    imports: tuple[ast.ImportFrom, ...] = ()


class _Finder(ast.NodeVisitor):
    def __init__(self, source: str) -> None:
        self.source = source
        self.found: list[Place] = []
        self.scopes: list[_Scope] = []
        self.positions = Positions(source)
        self.shift = 0
        """Where the text that is looked at begins in the module."""

    def visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    # --- Names.

    def visit_Name(self, node: ast.Name) -> None:
        self._add(node.id, *self.positions.span(node))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not isinstance(node.value, ast.Name):
            self.visit(node.value)
            return
        self._add(node.value.id, *self.positions.span(node), node.attr)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        start, end = self.positions.span(node)
        for found in expressions(self.source[start:end]):
            self._visit_text(found.text, start + found.offset)

    def _visit_text(self, text: str, start: int) -> None:
        """Look through an expression whose text begins at an offset of the module."""
        # In parentheses white space at its ends does no harm.
        tree = ast.parse(f"({text})", mode="eval")
        inner = _Finder(f"({text})")
        inner.scopes, inner.shift = self.scopes, start - 1
        inner.visit(tree.body)
        self.found.extend(inner.found)

    def visit_Global(self, node: ast.Global) -> None:
        raise NotImplementedError("a module that is inlined has no `global`")

    def _add(
        self, name: str, start: int, end: int, attribute: str | None = None
    ) -> None:
        imports: list[ast.ImportFrom] = []
        for depth, scope in enumerate(reversed(self.scopes)):
            # What a class binds is not seen by the functions in it.
            if name in scope.names and (depth == 0 or not scope.is_class):
                return
            imports.extend(scope.imports)
        start, end = start + self.shift, end + self.shift
        self.found.append(Place(name, start, end, attribute, tuple(imports)))

    # --- Scopes.

    def visit_FunctionDef(self, node: Function) -> None:
        arguments = node.args
        self._visit_definition(node)
        self.visit_all([*arguments.defaults, *arguments.kw_defaults])
        for argument in _arguments(arguments):
            self._visit_annotation(argument.annotation)
        self._visit_annotation(node.returns)
        imports = tuple(_imports(node.body))
        names = {argument.arg for argument in _arguments(arguments)}
        names.update(_bound(node.body))
        self._visit_scope(_Scope(frozenset(names), imports=imports), node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit_all([*node.args.defaults, *node.args.kw_defaults])
        names = {argument.arg for argument in _arguments(node.args)}
        self._visit_scope(_Scope(frozenset(names | _bound([node.body]))), [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_definition(node)
        self.visit_all(node.keywords)
        for base in node.bases:
            self._visit_annotation(base)
        names = frozenset(_bound(node.body))
        self._visit_scope(_Scope(names, is_class=True), node.body)

    def visit_ListComp(self, node: Comprehension) -> None:
        first, *others = node.generators
        self.visit(first.iter)
        names = frozenset(
            name for each in node.generators for name in _bound([each.target])
        )
        values = (
            [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        )
        rest = [part for each in others for part in (each.iter, *each.ifs)]
        self._visit_scope(_Scope(names), [*values, *first.ifs, *rest])

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self.visit_ListComp(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self.visit_ListComp(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self.visit_ListComp(node)

    def _visit_definition(self, node: Function | ast.ClassDef) -> None:
        self.visit_all(node.decorator_list)
        keyword = self.positions.span(node)[0]
        start = self.source.index(f" {node.name}", keyword) + 1
        self._add(node.name, start, start + len(node.name))

    def _visit_scope(self, scope: _Scope, body: Sequence[ast.AST]) -> None:
        self.scopes.append(scope)
        self.visit_all(body)
        self.scopes.pop()

    # --- Annotations.

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit_all(node.targets)
        # `Pair = tuple[int, "Node"]` says what a type is, too.
        is_type = not self.scopes and isinstance(node.value, ast.Subscript)
        (self._visit_annotation if is_type else self.visit)(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        self._visit_annotation(node.annotation)
        self.visit_all([node.value])

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id == "cast":
            self._visit_annotation(node.args[0])
        self.generic_visit(node)

    def _visit_annotation(self, node: ast.expr | None) -> None:
        """Look through an annotation, in which strings are types, too."""
        if node is None:
            return
        self.visit(node)
        for string in _forward_references(node):
            start, _ = self.positions.span(string)
            self._visit_text(str(string.value), start + len('"'))


def _forward_references(node: ast.AST) -> Iterator[ast.Constant]:
    """Give the strings in an annotation that are types: those of Literal are not."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node
    elif not (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Literal"
    ):
        for child in ast.iter_child_nodes(node):
            yield from _forward_references(child)


def _arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    yield from (each for each in (arguments.vararg, arguments.kwarg) if each)


def _own_nodes(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Give the nodes of a scope, but not those of the scopes in it."""
    for node in nodes:
        yield node
        if isinstance(node, Comprehension):  # but `:=` binds outside of it
            walrus = (n for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
            yield from (each.target for each in walrus)
        elif not isinstance(node, _SCOPES):
            yield from _own_nodes(ast.iter_child_nodes(node))


def _imports(body: Sequence[ast.stmt]) -> Iterator[ast.ImportFrom]:
    for node in _own_nodes(body):
        if isinstance(node, ast.ImportFrom) and is_own(node):
            yield node


def _bound(body: Iterable[ast.AST]) -> set[str]:
    """Give the names that are bound in a scope, other than by imports of our own."""
    names: set[str] = set()
    for node in _own_nodes(body):
        match node:
            case ast.Name(ctx=ast.Store() | ast.Del()):
                names.add(node.id)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.ImportFrom() if is_own(node):
                pass
            case ast.Import() | ast.ImportFrom():
                names.update(
                    each.asname or each.name.partition(".")[0] for each in node.names
                )
            case ast.ExceptHandler(name=str(name)):
                names.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                names.add(name)
            case ast.MatchMapping(rest=str(name)):
                names.add(name)
    return names


def is_own(node: ast.ImportFrom) -> bool:
    """Tell whether an import is from this package."""
    return (node.module or "").partition(".")[0] == "pflow_lower"
