"""Compile values to Python expressions, so that no template is parsed at run time.

Value:       "Merge $<sum.results[0]> for ${who ?? "all"}"
Expression:  concat("Merge ", scope.lookup("sum", "results", 0), " for ",
                    scope.coalesce(("who",), default="all"))

`docs/language.md` § 2 defines the meaning; `runtime/scope.py` has the functions.
"""

from collections.abc import Iterator

from pflow_lower.codegen.python import (
    Bracketed,
    Expression,
    array,
    call,
    group,
    literal,
    mapping,
)
from pflow_lower.ir.workflow import (
    Array,
    Constant,
    Object,
    Resolution,
    TemplateValue,
    Value,
)
from pflow_lower.template.tree import (
    LiteralOperand,
    PathOperand,
    Reference,
    Template,
    Text,
)


class Compiler:
    """Compiles the values of one workflow; `used` collects what must be imported."""

    def __init__(self, resolution: Resolution) -> None:
        self.resolution = resolution
        self.used: set[str] = set()

    def value(self, value: Value, *, nested: bool = False) -> Expression:
        """Compile a value.

        `nested` tells that the value is inside an array or object. There, a string that
        is a single reference is decoded if its value is the JSON of an object or array.
        """
        match value:
            case Constant(scalar):
                return literal(scalar)
            case TemplateValue(template):
                return self.template(template, nested)
            case Array(items):
                return array(self.value(item, nested=True) for item in items)
            case Object():
                return self.object(value, nested=True)

    def object(self, value: Object, *, nested: bool = False) -> Bracketed:
        """Compile an object; the values of `params` are not `nested`."""
        return mapping(
            (key, self.value(item, nested=nested)) for key, item in value.entries
        )

    def template(self, template: Template, nested: bool) -> Expression:
        """Compile a string."""
        if template.whole is not None:
            value = self.reference(template.whole, template.text)
            return self._call("decoded", value) if nested else value
        if isinstance(template.parts[0], Text) and len(template.parts) == 1:
            return literal(template.parts[0].text)
        parts: list[Expression] = []
        for part in template.parts:
            match part:
                case Text(text):
                    parts.append(literal(text))
                case Reference():
                    written = template.text[part.start : part.stop]
                    parts.append(self.reference(part, written))
        return self._call("concat", *parts)

    def reference(self, reference: Reference, written: str) -> Expression:
        """Compile a reference; permissive mode puts `written` for a missing value."""
        paths: list[Expression] = []
        default: dict[str, Expression] = {}
        for operand in reference.operands:
            if isinstance(operand, LiteralOperand):
                default["default"] = _literal(operand)
                break  # a literal is never missing, so later operands are never used
            paths.append(group(_path(operand)))
        if not paths:
            return default["default"]
        if self.resolution == "permissive" and not default:
            default["text"] = literal(written)
        first = reference.operands[0]
        if len(paths) == 1 and "default" not in default:
            assert isinstance(first, PathOperand)
            return call("scope.lookup", *_path(first), **default)
        return call("scope.coalesce", *paths, **default)

    def _call(self, function: str, *arguments: Expression) -> Expression:
        self.used.add(function)
        return call(function, *arguments)


def _path(operand: PathOperand) -> Iterator[Expression]:
    yield literal(operand.name)
    for each in operand.segments:
        yield group(_path(each)) if isinstance(each, PathOperand) else literal(each)


def _literal(operand: LiteralOperand) -> Expression:
    if isinstance(operand.value, tuple):
        return "{}" if operand.is_object else "[]"
    return literal(operand.value)
