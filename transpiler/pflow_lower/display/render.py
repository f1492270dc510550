"""Show diagnostics as text: each with its line, and carets under the place.

    docs.json:9:29: error[PFL301]: no node or input is called "sumarize"
      9 |       "prompt": "Merge: ${sumarize.results}"
        |                           ^^^^^^^^ did you mean "summarize"?

A second place that helps to understand the mistake follows, with dashes under it:

    docs.json:12:13: error[PFL201]: the id "check" is already used by nodes[0]
      12 |       "id": "check",
         |             ^^^^^^^ give each node a unique id
       4 |       "id": "check",
         |             ------- the first is here

A workflow that was given as an object has no lines; a path says where the mistake is:

    workflow: error[PFL301] at nodes[1].params.prompt: no node or input is called ...
      hint: did you mean "summarize"?

Whatever the text contains, the output is printable: a control character cannot affect
the terminal, and the carets are in the right columns. Colour adds only its own codes.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple, Protocol, TypeAlias
from unicodedata import category, east_asian_width

from pflow_lower.diagnostics import Diagnostic, Related, Severity, quote
from pflow_lower.document.document import Document
from pflow_lower.source.positions import Path, Position, Source

MAX_EXCERPT = 100
"""The number of characters shown of a line; of a longer one, those at the place."""

_BEFORE = 40
"""The number of them before the place."""

_BOLD, _BLUE, _CYAN = "1", "1;34", "36"
_STYLES = {Severity.ERROR: "1;31", Severity.WARNING: "1;33"}
_PLAIN_KEY = re.compile(r"[^\W\d][\w-]*")
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|\\u[0-9a-fA-F]{4}|\\.|[-+.\w]+')

_Paint: TypeAlias = Callable[[str, str], str]
"""Returns a text in a style, which is the number of an escape sequence."""


class Terminal(Protocol):
    """A stream that may be a terminal."""

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""


def wants_color(
    choice: str, stream: Terminal | None, environ: Mapping[str, str]
) -> bool:
    """Return whether to colour output to a stream: "always", "never" or "auto".

    With "auto" the environment decides; if it does not, only terminals get colour. A
    stream that Python found closed is None.
    """
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    if environ.get("TERM") == "dumb":
        return False
    return stream is not None and stream.isatty()


def render(
    diagnostics: Iterable[Diagnostic],
    origin: Document | Source | None,
    name: str = "workflow",
    *,
    color: bool = False,
) -> str:
    """Show diagnostics that have been placed, one below the other.

    `origin` is what they are about, and `name` its name if it has no text.
    """
    marks = Marks.of(origin)
    shown_name = marks.source.name if marks else name
    excerpts = _Excerpts(shown_name, marks, color)
    return "\n".join(line for one in diagnostics for line in excerpts.show(one))


def headline(one: Diagnostic, name: str, *, color: bool = False) -> str:
    """Return the first line of a diagnostic: where it is, and what is wrong."""
    paint = _paint(color)
    kind = paint(f"{one.severity}[{one.code}]", _STYLES[one.severity])
    message = _printable(one.message)
    if one.line is not None:
        where = paint(_printable(f"{name}:{one.line}:{one.column}"), _BOLD)
        return f"{where}: {kind}: {message}"
    where = paint(_printable(name), _BOLD)
    if one.path:
        kind += f" at {paint(_printable(path_text(one.path)), _BOLD)}"
    return f"{where}: {kind}: {message}"


def path_text(path: Path) -> str:
    """Return a path in the usual notation: `nodes[1].params["a key"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if _PLAIN_KEY.fullmatch(step) else f"[{quote(step)}]"
    return text.removeprefix(".")


class Mark(NamedTuple):
    """The characters of a line that a mistake is in; at least one."""

    line: int
    column: int
    length: int


@dataclass(frozen=True)
class Marks:
    """The characters of a text that diagnostics are about."""

    source: Source
    document: Document | None = None

    @classmethod
    def of(cls, origin: Document | Source | None) -> "Marks | None":
        """Return the marks of the text of an origin, or None if it has no text."""
        if isinstance(origin, Document):
            return cls(origin.source, origin) if origin.source else None
        return cls(origin) if origin else None

    @cached_property
    def line(self) -> Callable[[int], str]:
        """A function that returns the line of a number."""
        return cache(self.source.line)

    def find(self, place: Diagnostic | Related) -> Mark | None:
        """Return the characters of a place, or None if it has no line."""
        if place.line is None or place.column is None:
            return None
        position = Position(place.line, place.column)
        return Mark(place.line, place.column, max(self._length(place, position), 1))

    def _length(self, place: Diagnostic | Related, position: Position) -> int:
        """Return the number of characters of a place; of a container, the bracket.

        If the place is not at its location (a duplicate key, a syntax error), it is the
        token that begins there.
        """
        span = self.document.span(place.location) if self.document else None
        if span is None or self.source.position(span.start) != position:
            token = _TOKEN.match(self.line(position.line), position.column - 1)
            return len(token[0]) if token else 1
        opens = self.source.text[span.start : span.start + 1] in ("{", "[")
        return 1 if opens and not place.location.characters else span.stop - span.start


class _Underline(NamedTuple):
    """What to show below a line: signs under a mark, and a note after them."""

    mark: Mark
    sign: str
    style: str
    note: str
    note_style: str


@dataclass(frozen=True)
class _Excerpts:
    """The lines of a text, shown with the mistakes in them."""

    name: str
    marks: Marks | None
    color: bool

    def show(self, one: Diagnostic) -> Iterator[str]:
        yield headline(one, self.name, color=self.color)
        if self.marks is None or one.line is None:
            yield from self._notes(one)
        else:
            yield from self._lines(list(_underlines(one, self.marks)), self.marks.line)

    def _notes(self, one: Diagnostic) -> Iterator[str]:
        paint = _paint(self.color)
        if one.hint:
            yield f"  {paint(f'hint: {_printable(one.hint)}', _CYAN)}"
        for each in one.related:
            note = _printable(f"{path_text(each.path)}: {each.message}")
            yield f"  {paint(note, _BLUE)}"

    def _lines(
        self, underlines: list[_Underline], line: Callable[[int], str]
    ) -> Iterator[str]:
        paint = _paint(self.color)
        width = max(len(str(each.mark.line)) for each in underlines)
        empty = paint(f"  {'':{width}} |", _BLUE)
        last = ""
        for mark, sign, style, note, note_style in underlines:
            excerpt, gap, columns = _excerpt(line(mark.line), mark)
            above = f"{paint(f'  {mark.line:{width}} |', _BLUE)} {excerpt}".rstrip()
            if above != last:
                yield above
            last = above
            signs = paint(sign * columns, style)
            text = paint(_printable(note).rstrip(), note_style)
            yield f"{empty} {gap}{signs} {text}".rstrip()


def _underlines(one: Diagnostic, marks: Marks) -> Iterator[_Underline]:
    if mark := marks.find(one):
        yield _Underline(mark, "^", _STYLES[one.severity], one.hint, _CYAN)
    for each in one.related:
        if mark := marks.find(each):
            yield _Underline(mark, "-", _BLUE, each.message, _BLUE)


def _excerpt(line: str, mark: Mark) -> tuple[str, str, int]:
    """Return the excerpt of a line, the gap before the signs, and their number."""
    start = mark.column - 1
    first, last = _window(len(line), start)
    more_before = "…" if first else ""
    more_after = "…" if last < len(line) else ""
    shown = "".join(_glyph(char) for char in line[first:last])
    gap = "".join(
        "\t" if char == "\t" else " " * _columns(char) for char in line[first:start]
    )
    marked = line[start : min(start + mark.length, last)]
    columns = max(sum(_columns(char) for char in marked), 1)
    return more_before + shown + more_after, " " * len(more_before) + gap, columns


def _window(length: int, start: int) -> tuple[int, int]:
    """Return the part of a line to show, so that `start` is in it."""
    if length <= MAX_EXCERPT:
        return 0, length
    first = min(max(start - _BEFORE, 0), length - MAX_EXCERPT)
    return first, first + MAX_EXCERPT


def _columns(char: str) -> int:
    """Return the width of a character on a terminal."""
    if category(char) in ("Mn", "Me"):
        return 0
    return sum(2 if east_asian_width(one) in "WF" else 1 for one in _glyph(char))


def _glyph(char: str) -> str:
    """Return what to show for a character of an excerpt, where a tab stays a tab."""
    return char if char == "\t" else _printable(char)


def _printable(text: str) -> str:
    """Return text in which what a terminal would not show, or obey, is written out."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _picture(char) for char in text)


def _picture(char: str) -> str:
    code = ord(char)
    if code < ord(" "):
        return chr(ord("␀") + code)
    return "␡" if char == "\x7f" else f"\\u{code:04x}"


def _paint(color: bool) -> _Paint:
    return _colored if color else _plain


def _colored(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if text else ""


def _plain(text: str, _: str) -> str:
    return text
