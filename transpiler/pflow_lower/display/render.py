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
from functools import cache
from typing import NamedTuple, TextIO, TypeAlias
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


def wants_color(choice: str, stream: TextIO | None, environ: Mapping[str, str]) -> bool:
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
    marks = Marks(origin)
    shown_name = marks.source.name if marks.has_text else name
    paint = _paint(color)
    lines: list[str] = []
    for one in diagnostics:
        lines.append(headline(one, shown_name, color=color))
        lines += _excerpts(one, marks, paint) if marks.find(one) else _notes(one, paint)
    return "\n".join(lines)


def headline(one: Diagnostic, name: str, *, color: bool = False) -> str:
    """Return the first line of a diagnostic: where it is, and what is wrong."""
    paint = _paint(color)
    kind = paint(f"{one.severity}[{one.code}]", _STYLES[one.severity])
    where = name if one.line is None else f"{name}:{one.line}:{one.column}"
    if one.line is None and one.path:
        kind += f" at {paint(_printable(path_text(one.path)), _BOLD)}"
    return f"{paint(_printable(where), _BOLD)}: {kind}: {_printable(one.message)}"


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
    end_column: int


class Marks:
    """The characters of a text that diagnostics are about; none without a text."""

    def __init__(self, origin: Document | Source | None) -> None:
        self.document = origin if isinstance(origin, Document) else None
        source = origin.source if isinstance(origin, Document) else origin
        self.has_text = source is not None
        self.source = source or Source("", "")
        self.line = cache(self.source.line)

    def find(self, place: Diagnostic | Related) -> Mark | None:
        """Return the characters of a place, or None if it has no line."""
        if not self.has_text or place.line is None or place.column is None:
            return None
        position = Position(place.line, place.column)
        length = max(self._length(place, position), 1)
        return Mark(*position, place.column + length)

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


def _notes(one: Diagnostic, paint: _Paint) -> Iterator[str]:
    if one.hint:
        yield f"  {paint(f'hint: {_printable(one.hint)}', _CYAN)}"
    for each in one.related:
        note = _printable(f"{path_text(each.path)}: {each.message}")
        yield f"  {paint(note, _BLUE)}"


def _excerpts(one: Diagnostic, marks: Marks, paint: _Paint) -> Iterator[str]:
    underlines = list(_underlines(one, marks))
    width = max(len(str(each.mark.line)) for each in underlines)
    empty = paint(f"  {'':{width}} |", _BLUE)
    last = ""
    for mark, sign, style, note, note_style in underlines:
        excerpt, gap, columns = _excerpt(marks.line(mark.line), mark)
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
    first = min(max(start - _BEFORE, 0), max(len(line) - MAX_EXCERPT, 0))
    last = first + MAX_EXCERPT
    more_before = "…" if first else ""
    more_after = "…" if last < len(line) else ""
    shown = "".join(_glyph(char) for char in line[first:last])
    gap = "".join(
        "\t" if char == "\t" else " " * _columns(char) for char in line[first:start]
    )
    marked = line[start : min(mark.end_column - 1, last)]
    columns = max(sum(_columns(char) for char in marked), 1)
    return more_before + shown + more_after, " " * len(more_before) + gap, columns


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
    if not color:
        return lambda text, _: text
    return lambda text, style: f"\x1b[{style}m{text}\x1b[0m" if text else ""
