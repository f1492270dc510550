"""Positions in a text, spans, and locations in a document.

Passes use a `Location`: a value of the document, and optionally characters of it. Only
the display of diagnostics turns it into a `Position`.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

JSON: TypeAlias = bool | int | float | str | list["JSON"] | dict[str, "JSON"] | None
"""A value that a JSON text may hold."""

MAX_DEPTH = 100
"""How many levels of arrays and objects a document may have."""

MAX_DIGITS = 4300
"""The most digits that `int`, and so `json.loads`, reads by default."""

Path: TypeAlias = tuple[str | int, ...]
"""The keys and indexes that lead from the root of a document to a value of it."""

_LINE_BREAK = re.compile(r"\r\n|\n|\r")


class Position(NamedTuple):
    """A place in a text: line and column, both from 1, columns in characters."""

    line: int
    column: int


class Span(NamedTuple):
    """The characters `start` up to, not including, `stop` of a text."""

    start: int
    stop: int


class Location(NamedTuple):
    """A part of a document: a value, its key, or characters of either.

    `characters` are offsets into the decoded string, without escapes.
    """

    path: Path = ()
    part: Literal["value", "key"] = "value"
    characters: Span | None = None

    def at(self, *steps: str | int) -> "Location":
        """Return the location `steps` below this one."""
        return Location((*self.path, *steps))

    def key(self, name: str) -> "Location":
        """Return the location of the key `name` of this object."""
        return Location((*self.path, name), "key")

    def slice(self, start: int, stop: int) -> "Location":
        """Return the location of some characters of this string."""
        return Location(self.path, self.part, Span(start, stop))


@dataclass(frozen=True)
class Source:
    """A text, without its byte order mark, and its name."""

    name: str
    text: str = field(repr=False)

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_BREAK.finditer(self.text))]

    def position(self, offset: int) -> Position:
        """Return line and column of the character at `offset` (its length: the end)."""
        line = bisect_right(self._line_starts, offset)
        return Position(line, offset - self._line_starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """Return the text of line `number`, from 1, without its line break."""
        start = self._line_starts[number - 1]
        end = _LINE_BREAK.search(self.text, start)
        return self.text[start : end.start() if end else len(self.text)]
