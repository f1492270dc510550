"""Python expressions, laid out as `ruff format` would leave them.

Text only ever enters as an ASCII literal, so no id and no text of a workflow can
be anything but a value in the generated module. What does not fit on a line
stands one element a line, with a last comma, which formatters leave alone.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from pflow_lower.template import Scalar

WIDTH = 88
INDENT = "    "

_ESCAPE = re.compile(r"\\.")


@dataclass(frozen=True, slots=True)
class Atom:
    """Code that is never broken: a literal or a name."""

    code: str


@dataclass(frozen=True, slots=True)
class Bracketed:
    """Elements between brackets: a call, a list, a dict, a tuple."""

    opening: str
    elements: tuple["Element", ...]
    closing: str


@dataclass(frozen=True, slots=True)
class Element:
    """One element, with what stands before it: a key or a keyword."""

    value: "Expression"
    prefix: str = ""


Expression: TypeAlias = Atom | Bracketed


def literal(value: Scalar) -> Atom:
    """Write a scalar; text as an ASCII literal."""
    return Atom(string(value) if isinstance(value, str) else repr(value))


def string(text: str) -> str:
    """Write text as an ASCII string literal, quoted as formatters like it.

    That is with double quotes, but for text in which single ones save escapes.
    """
    # Text with both quotes in it is what ascii() escapes the single ones of.
    escaped = ascii(f"'\"{text}")[4:-1]
    body = _ESCAPE.sub(lambda found: found[0].replace("\\'", "'"), escaped)
    if text.count('"') > text.count("'"):
        return "'" + body.replace("'", "\\'") + "'"
    return '"' + body.replace('"', '\\"') + '"'


def call(function: str, *arguments: Expression, **keywords: Expression) -> Bracketed:
    """Write a call."""
    elements = [Element(argument) for argument in arguments]
    elements += [Element(value, f"{name}=") for name, value in keywords.items()]
    return Bracketed(f"{function}(", tuple(elements), ")")


def array(items: Iterable[Expression]) -> Bracketed:
    """Write a list."""
    return Bracketed("[", tuple(map(Element, items)), "]")


def mapping(entries: Iterable[tuple[str, Expression]]) -> Bracketed:
    """Write a dict whose keys are strings."""
    elements = (Element(value, f"{string(key)}: ") for key, value in entries)
    return Bracketed("{", tuple(elements), "}")


def group(items: Iterable[Expression]) -> Bracketed:
    """Write a tuple."""
    elements = tuple(map(Element, items))
    return Bracketed("(", elements, ",)" if len(elements) == 1 else ")")


def statement(prefix: str, value: Expression, indent: str) -> str:
    """Write `prefix` and an expression as lines that begin with `indent`."""
    flat = f"{indent}{prefix}{_flat(value)}"
    if len(flat) <= WIDTH:
        return flat
    if isinstance(value, Bracketed):
        return f"{indent}{prefix}{_broken(value, indent)}"
    alone = f"{indent}{INDENT}{value.code}"
    if prefix.endswith("= ") and len(alone) <= WIDTH:
        return f"{indent}{prefix}(\n{alone}\n{indent})"
    return flat


def _flat(value: Expression) -> str:
    if isinstance(value, Atom):
        return value.code
    inside = ", ".join(each.prefix + _flat(each.value) for each in value.elements)
    return f"{value.opening}{inside}{value.closing}"


def _broken(value: Bracketed, indent: str) -> str:
    inner = indent + INDENT
    lines = [value.opening]
    for each in value.elements:
        flat = f"{inner}{each.prefix}{_flat(each.value)},"
        if (
            len(flat) <= WIDTH
            or isinstance(each.value, Atom)
            or not each.value.elements
        ):
            lines.append(flat)
        else:
            lines.append(f"{inner}{each.prefix}{_broken(each.value, inner)},")
    lines.append(f"{indent}{value.closing.removeprefix(',')}")
    return "\n".join(lines)
