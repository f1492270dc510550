"""Parsed templates: the text and the references that a string consists of.

`"Merge $<sum.results> in ${style ?? "prose"}"` is
`Text("Merge ")`, `Reference(sum.results)`, `Text(" in ")` and
`Reference(style, "prose")`. `parser.py` parses them; `docs/language.md` § 2
defines their meaning.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

INDEX = "__index__"
"""The name of the index of an item, in the params of a batch node."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Text:
    """Literal text, escapes resolved."""

    text: str


@dataclass(frozen=True, slots=True)
class PathOperand:
    """A name and the segments that follow it: `a.b[0][${i}]`.

    A string segment is a field, a number is an index, and a path is a computed
    index. `start` and `stop` are offsets into the text of the template.
    """

    name: str
    segments: tuple["Segment", ...] = ()
    start: int = field(default=0, compare=False, repr=False)
    stop: int = field(default=0, compare=False, repr=False)

    def paths(self) -> Iterator["PathOperand"]:
        """Return this path and the paths that compute its indexes."""
        yield self
        for segment in self.segments:
            if isinstance(segment, PathOperand):
                yield from segment.paths()

    def __str__(self) -> str:
        return self.name + "".join(map(_segment_text, self.segments))


Segment: TypeAlias = str | int | PathOperand


@dataclass(frozen=True, slots=True)
class LiteralOperand:
    """A JSON literal in a reference: a scalar, or an empty array or object."""

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

    `start` and `stop` are the offsets of its first character and after its last one
    in the text of the template.
    """

    operands: tuple[Operand, ...]
    start: int = field(default=0, compare=False, repr=False)
    stop: int = field(default=0, compare=False, repr=False)

    def paths(self) -> Iterator[PathOperand]:
        """Return every path in the reference, including those of computed indexes."""
        for operand in self.operands:
            if isinstance(operand, PathOperand):
                yield from operand.paths()

    def __str__(self) -> str:
        return f"${{{' ?? '.join(map(str, self.operands))}}}"


@dataclass(frozen=True, slots=True)
class Template:
    """A string as it was written, and its parts."""

    text: str
    parts: tuple[Text | Reference, ...]

    @property
    def whole(self) -> Reference | None:
        """The only part, if it is a reference; a last newline is ignored."""
        match self.parts:
            case (Reference() as reference,) | (Reference() as reference, Text("\n")):
                return reference
        return None

    @property
    def references(self) -> Iterator[Reference]:
        """Its references, from left to right."""
        return (part for part in self.parts if isinstance(part, Reference))


def is_name(text: str) -> bool:
    """Return whether a text is a valid name in a template."""
    return _NAME.fullmatch(text) is not None


def _segment_text(segment: Segment) -> str:
    match segment:
        case str():
            return f".{segment}"
        case int():
            return f"[{segment}]"
        case PathOperand():
            return f"[${{{segment}}}]"
