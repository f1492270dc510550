"""Show diagnostics as text: each with the line it is about, and carets under the place.

    docs.json:9:29: error[PFL301]: no node or input is called "sumarize"
      9 |       "prompt": "Merge: ${sumarize.results}"
        |                           ^^^^^^^^ did you mean "summarize"?

A workflow that was given as an object has no lines; its paths say where it is:

    workflow: error[PFL301] at nodes[1].params.prompt: no node or input is called ...
      hint: did you mean "summarize"?

Whatever the text holds, what is shown is printable: a control character cannot
play tricks on a terminal, and the carets stand where they should.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from unicodedata import category, east_asian_width

from pflow_lower.diagnostics import Diagnostic, quote
from pflow_lower.document import Document
from pflow_lower.source import Location, Path, Position, Source

MAX_EXCERPT = 100
"""How many characters of a line are shown: of a longer one, those around the place."""

_BEFORE = 40
"""How many of them stand before the place."""

_PLAIN_KEY = re.compile(r"[^\W\d][\w-]*")
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|\\u[0-9a-fA-F]{4}|\\.|[-+.\w]+')


def render(
    diagnostics: Iterable[Diagnostic],
    origin: Document | Source | None,
    name: str = "workflow",
) -> str:
    """Show diagnostics that have been placed, one below the other.

    `origin` is what they are about, and `name` what to call it if it has no text.
    """
    source = origin.source if isinstance(origin, Document) else origin
    if source is None:
        return "\n".join(_by_path(one, name) for one in diagnostics)
    excerpts = _Excerpts(source, origin if isinstance(origin, Document) else None)
    return "\n".join(excerpts.show(one) for one in diagnostics)


def path_text(path: Path) -> str:
    """Write a path as people do: `nodes[1].params["a key"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if _PLAIN_KEY.fullmatch(step) else f"[{quote(step)}]"
    return text.removeprefix(".")


def _by_path(one: Diagnostic, name: str) -> str:
    at = f" at {path_text(one.path)}" if one.path else ""
    text = _printable(f"{name}: {one.severity}[{one.code}]{at}: {one.message}")
    return f"{text}\n  hint: {_printable(one.hint)}" if one.hint else text


@dataclass(frozen=True)
class _Excerpts:
    """The lines of a text, to be shown with what is wrong in them."""

    source: Source
    document: Document | None

    def show(self, one: Diagnostic) -> str:
        if one.line is None or one.column is None:
            return _by_path(one, self.source.name)
        position = Position(one.line, one.column)
        at = f"{self.source.name}:{position.line}:{position.column}"
        header = _printable(f"{at}: {one.severity}[{one.code}]: {one.message}")
        line = self._line(position.line)
        length = self._length(one.location, position, line)
        excerpt, carets = _excerpt(line, position.column - 1, length)
        number = str(position.line)
        margin = " " * len(number)
        above = f"  {number} | {excerpt}".rstrip()
        below = f"  {margin} | {carets} {_printable(one.hint)}".rstrip()
        return f"{header}\n{above}\n{below}"

    @cached_property
    def _line(self) -> Callable[[int], str]:
        return cache(self.source.line)

    def _length(self, location: Location, position: Position, line: str) -> int:
        """Tell how many characters a diagnostic is about: of a container, one.

        One that does not stand where its location is (a key that is given twice, a
        mistake of syntax) is about the token that begins there.
        """
        span = self.document.span(location) if self.document else None
        if span is None or self.source.position(span.start) != position:
            token = _TOKEN.match(line, position.column - 1)
            return len(token[0]) if token else 1
        opens = self.source.text[span.start : span.start + 1] in ("{", "[")
        return 1 if opens and not location.characters else span.stop - span.start


def _excerpt(line: str, start: int, length: int) -> tuple[str, str]:
    """Give what to show of a line, and carets to go under some of its characters."""
    first, last = _window(len(line), start)
    more_before = "…" if first else ""
    more_after = "…" if last < len(line) else ""
    shown = "".join(_glyph(char) for char in line[first:last])
    gap = "".join(
        "\t" if char == "\t" else " " * _columns(char) for char in line[first:start]
    )
    columns = sum(_columns(char) for char in line[start : min(start + length, last)])
    carets = "^" * max(columns, 1)
    return more_before + shown + more_after, " " * len(more_before) + gap + carets


def _window(length: int, start: int) -> tuple[int, int]:
    """Choose the part of a line of some length to show, so that `start` is in it."""
    if length <= MAX_EXCERPT:
        return 0, length
    first = min(max(start - _BEFORE, 0), length - MAX_EXCERPT)
    return first, first + MAX_EXCERPT


def _columns(char: str) -> int:
    """Tell how wide a character is shown on a terminal."""
    if category(char) in ("Mn", "Me"):
        return 0
    return sum(2 if east_asian_width(one) in "WF" else 1 for one in _glyph(char))


def _glyph(char: str) -> str:
    """Give what to show for a character of an excerpt, where a tab stays one."""
    return char if char == "\t" else _printable(char)


def _printable(text: str) -> str:
    """Write out what a terminal would not show, or would obey."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _picture(char) for char in text)


def _picture(char: str) -> str:
    code = ord(char)
    if code < ord(" "):
        return chr(ord("␀") + code)
    return "␡" if char == "\x7f" else f"\\u{code:04x}"
