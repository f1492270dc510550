"""Python expressions, and their layout in a generated module.

Strings are always written as ASCII literals, so no id or text of a workflow can become
code. An expression that does not fit on a line is written with one element per line,
and a long string with one literal for each of its lines. Formatters skip the module
(`# fmt: off`).
"""

import re
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from pflow_lower.template.tree import Scalar

WIDTH = 88
INDENT = "    "

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


class Text(NamedTuple):
    """A string, written as one literal or as one literal for each line."""

    text: str


class Bracketed(NamedTuple):
    """A call, a list, a dict or a tuple.

    Each element is preceded by its prefix: the key, the keyword, or nothing.
    """

    opening: str
    elements: tuple[tuple[str, "Expression"], ...]
    closing: str


Expression: TypeAlias = str | Text | Bracketed
"""An expression; a `str` is code that is never split, such as a number or a name."""


def literal(value: Scalar) -> str | Text:
    """Return a scalar as an expression."""
    return Text(value) if isinstance(value, str) else repr(value)


def string(text: str) -> str:
    """Return text as an ASCII literal in double quotes."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + '\\"'.join(ascii(part)[1:-1] for part in text.split('"')) + '"'


def call(function: str, *arguments: Expression, **keywords: Expression) -> Bracketed:
    """Return a call."""
    named = ((f"{name}=", value) for name, value in keywords.items())
    return Bracketed(f"{function}(", (*(("", each) for each in arguments), *named), ")")


def array(items: Iterable[Expression]) -> Bracketed:
    """Return a list."""
    return Bracketed("[", tuple(("", item) for item in items), "]")


def mapping(entries: Iterable[tuple[str, Expression]]) -> Bracketed:
    """Return a dict whose keys are strings."""
    elements = ((f"{string(key)}: ", value) for key, value in entries)
    return Bracketed("{", tuple(elements), "}")


def group(items: Iterable[Expression]) -> Bracketed:
    """Return a tuple."""
    elements = tuple(("", item) for item in items)
    return Bracketed("(", elements, ",)" if len(elements) == 1 else ")")


def statement(prefix: str, value: Expression, indent: str) -> str:
    """Return `prefix` and an expression as lines that begin with `indent`."""
    return _line(f"{indent}{prefix}", value, indent)


def _line(start: str, value: Expression, indent: str, end: str = "") -> str:
    """Return an expression on the line that begins with `start`, or on several."""
    flat = f"{start}{_flat(value)}{end}"
    if len(flat) <= WIDTH:
        return flat
    inner = indent + INDENT
    match value:
        case Text(text) if "\n" in text[:-1]:
            pieces = (inner + string(line) for line in _LINE.findall(text))
            return "\n".join([f"{start}(", *pieces, f"{indent}){end}"])
        case Bracketed(opening, elements, closing) if elements:
            lines = (_line(inner + name, each, inner, ",") for name, each in elements)
            closed = f"{indent}{closing.removeprefix(',')}{end}"
            return "\n".join([start + opening, *lines, closed])
    return flat


def _flat(value: Expression) -> str:
    if isinstance(value, Text):
        return string(value.text)
    if isinstance(value, str):
        return value
    inside = ", ".join([name + _flat(each) for name, each in value.elements])
    return f"{value.opening}{inside}{value.closing}"
