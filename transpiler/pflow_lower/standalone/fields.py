"""The replacement fields of an f-string, found in its text.

Before Python 3.12 `ast` does not say where in a file the expressions of an f-string
stand, and since then it does. What is written must not depend on that.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_LITERAL = re.compile(r"([A-Za-z]*)('''|\"\"\"|'|\")")
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


class Expression(NamedTuple):
    """The text of an expression in a field, and its offset in that of the f-string."""

    offset: int
    text: str


def expressions(source: str) -> Iterator[Expression]:
    """Give the expressions of an f-string, or of several that stand side by side.

    Those in format specifications come after the ones that they belong to. Code
    that Python could not read is not what this is for.
    """
    offset = 0
    while literal := _LITERAL.search(source, offset):
        # Between literals there are white space and comments: a `#` hides quotes.
        comment = source.find("#", offset, literal.start())
        if comment >= 0:
            offset = source.index("\n", comment)
            continue
        end = _end_of_literal(source, literal)
        if "f" in literal[1].lower():
            yield from _fields(source, literal.end(), end)
        offset = end + len(literal[2])


def _end_of_literal(source: str, literal: re.Match[str]) -> int:
    """Give the offset of the quotes that end a literal."""
    offset = literal.end()
    while not source.startswith(literal[2], offset):
        offset += 2 if source[offset] == "\\" else 1
    return offset


def _fields(source: str, start: int, end: int) -> Iterator[Expression]:
    """Give the expressions of the fields in a part of the text."""
    offset = start
    while offset < end:
        if source[offset : offset + 2] in ("{{", "}}"):
            offset += 2
        elif source[offset] == "{":
            stop = _end_of_expression(source, offset + 1)
            yield Expression(offset + 1, source[offset + 1 : stop])
            close = _end_of_field(source, stop)
            if ":" in source[stop:close]:
                yield from _fields(source, source.index(":", stop) + 1, close)
            offset = close + 1
        else:
            offset += 1


def _end_of_expression(source: str, start: int) -> int:
    """Give the offset of the `=`, `!`, `:` or `}` that ends an expression."""
    awaited: list[str] = []
    offset = start
    while True:
        mark = source[offset]
        if literal := _LITERAL.match(source, offset):
            offset = _end_of_literal(source, literal) + len(literal[2])
            continue
        if awaited and mark == awaited[-1]:
            awaited.pop()
        elif mark in _BRACKETS:
            awaited.append(_BRACKETS[mark])
        elif not awaited and _ends(source, offset):
            return offset
        offset += 1


def _ends(source: str, offset: int) -> bool:
    mark = source[offset]
    if mark in "!=<>" and source[offset + 1] == "=":
        return False
    if mark == "=":
        return source[offset - 1] not in "!=<>"
    return mark in "!:}"


def _end_of_field(source: str, start: int) -> int:
    """Give the offset of the brace that closes a field."""
    depth = 0
    offset = start
    while depth or source[offset] != "}":
        depth += {"{": 1, "}": -1}.get(source[offset], 0)
        offset += 1
    return offset
