"""Templates, read: the text and the references that a string is made of.

`"Merge $<sum.results> in ${style ?? "prose"}"` is
`Text("Merge ")`, `Reference(sum.results)`, `Text(" in ")` and
`Reference(style, "prose")`. `parser.py` reads and writes them; what they
mean is said in `docs/language.md` § 2.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

INDEX = "__index__"
"""The name of an item's position, in the params of a batch node."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Text:
    """Characters that stand for themselves, escapes resolved."""

    text: str


@dataclass(frozen=True, slots=True)
class PathOperand:
    """A name and the segments that lead on from it: `a.b[0][${i}]`.

    A string segment is a field, a number an index, and another path an index
    that is computed. `start` and `stop` are offsets into the template's text.
    """

    name: str
    segments: tuple["Segment", ...] = ()
    start: int = field(default=0, compare=False, repr=False)
    stop: int = field(default=0, compare=False, repr=False)

    def paths(self) -> Iterator["PathOperand"]:
        """Return this path and those that compute its indexes."""
        yield self
        for segment in self.segments:
            if isinstance(segment, PathOperand):
                yield from segment.paths()

    def __str__(self) -> str:
        return self.name + "".join(map(_segment_text, self.segments))


Segment: TypeAlias = str | int | PathOperand


@dataclass(frozen=True, slots=True)
class LiteralOperand:
    """A JSON value written into a reference; of containers only the empty ones."""

    value: Scalar | tuple[()]
    is_object: bool = False

    def __str__(self) -> str:
        if self.value == ():
            return "{}" if self.is_object else "[]"
        return json.dumps(self.value)


Operand: TypeAlias = PathOperand | LiteralOperand


@dataclass(frozen=True, slots=True)
class Reference:
    """`${a ?? b}`: the first of its operands that is not missing.

    `start` and `stop` are the offsets of `$` and of what follows the closing
    character in the template's text.
    """

    operands: tuple[Operand, ...]
    start: int = field(default=0, compare=False, repr=False)
    stop: int = field(default=0, compare=False, repr=False)

    def paths(self) -> Iterator[PathOperand]:
        """Return every path in it, those of computed indexes included."""
        for operand in self.operands:
            if isinstance(operand, PathOperand):
                yield from operand.paths()

    def __str__(self) -> str:
        return f"${{{' ?? '.join(map(str, self.operands))}}}"


@dataclass(frozen=True, slots=True)
class Template:
    """A string as it was written, and what it is made of."""

    text: str
    parts: tuple[Text | Reference, ...]

    @property
    def whole(self) -> Reference | None:
        """The one reference that it is and nothing else, but for a last newline."""
        match self.parts:
            case (Reference() as reference,) | (Reference() as reference, Text("\n")):
                return reference
        return None

    @property
    def references(self) -> Iterator[Reference]:
        """Its references, from left to right."""
        return (part for part in self.parts if isinstance(part, Reference))


def is_name(text: str) -> bool:
    """Return whether a text could be a name in a template."""
    return _NAME.fullmatch(text) is not None


def _segment_text(segment: Segment) -> str:
    match segment:
        case str():
            return f".{segment}"
        case int():
            return f"[{segment}]"
        case PathOperand():
            return f"[${{{segment}}}]"
