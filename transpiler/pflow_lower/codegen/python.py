"""Python expressions, laid out as `ruff format` would leave them.

Text only ever enters as an ASCII literal, so no id and no text of a workflow can
be anything but a value in the generated module. What does not fit on a line
stands one element a line, with a last comma, which formatters leave alone; a text
stands as its author's lines, or as words on as many lines as it takes.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from pflow_lower.template.tree import Scalar

WIDTH = 88
INDENT = "    "

_ESCAPE = re.compile(r"\\.")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_WORD = re.compile(r"[^ ]* +|[^ ]+")


class Atom(NamedTuple):
    """Code that is never broken: a number or a name."""

    code: str


class Text(NamedTuple):
    """A text, which stands on several lines if it has to."""

    text: str

    @property
    def code(self) -> str:
        """The text as one literal."""
        return string(self.text)


class Bracketed(NamedTuple):
    """Elements between brackets: a call, a list, a dict, a tuple."""

    opening: str
    elements: tuple["Element", ...]
    closing: str


class Element(NamedTuple):
    """One element, with what stands before it: a key or a keyword."""

    value: "Expression"
    prefix: str = ""


Expression: TypeAlias = Atom | Text | Bracketed


def literal(value: Scalar) -> Atom | Text:
    """Write a scalar; text as an ASCII literal, exponents without a plus."""
    if isinstance(value, str):
        return Text(value)
    return Atom(repr(value).replace("e+", "e"))


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
    if not isinstance(value, Bracketed):
        alone = f"{indent}{INDENT}{value.code}"
        if prefix.endswith(("= ", "return ")) and len(alone) <= WIDTH:
            return f"{indent}{prefix}(\n{alone}\n{indent})"
    return f"{indent}{prefix}{_broken(value, indent)}"


def _flat(value: Expression) -> str:
    if not isinstance(value, Bracketed):
        return value.code
    inside = ", ".join(each.prefix + _flat(each.value) for each in value.elements)
    return f"{value.opening}{inside}{value.closing}"


def _broken(value: Expression, indent: str) -> str:
    """Write an expression that does not fit on one line, if it can be broken."""
    inner = indent + INDENT
    match value:
        case Text(text):
            room = WIDTH - len(inner)
            fits = len(value.code) <= room
            pieces = [text] if fits else list(_pieces(text, room))
            if fits or len(pieces) > 1:
                lines = [f"{inner}{string(piece)}" for piece in pieces]
                return "\n".join(["(", *lines, f"{indent})"])
        case Bracketed(opening, elements, closing) if elements:
            lines = [opening]
            for each in elements:
                flat = f"{inner}{each.prefix}{_flat(each.value)},"
                if len(flat) > WIDTH:
                    flat = f"{inner}{each.prefix}{_broken(each.value, inner)},"
                lines.append(flat)
            return "\n".join([*lines, f"{indent}{closing.removeprefix(',')}"])
    return _flat(value)


def _pieces(text: str, room: int) -> Iterator[str]:
    """Cut a text after its newlines, and between words where a line has no room."""
    for line in _LINE.findall(text):
        piece = ""
        for word in _WORD.findall(line):
            if piece and len(string(piece + word)) > room:
                yield piece
                piece = ""
            piece += word
        yield piece
