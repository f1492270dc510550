"""A JSON document: its value, and the positions of its parts in the text.

Before:  Location(("nodes", 0, "params", "prompt")).slice(2, 9)
After:   Span(61, 68), the characters in the text, escapes included

`reader` makes documents, and the passes read them. Only `place`, which runs after
the passes, turns their locations into lines and columns.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from pflow_lower.diagnostics import Diagnostic, Related
from pflow_lower.source.positions import JSON, Location, Path, Source, Span

if TYPE_CHECKING:
    from pflow_lower.document.scanner import Entry
    from pflow_lower.document.tokens import Offsets

_Place = TypeVar("_Place", Diagnostic, Related)


@dataclass(frozen=True)
class Document:
    """A JSON value, and the text it was read from, if any."""

    value: JSON
    source: Source | None = None

    def span(self, location: Location) -> Span | None:
        """Return the characters of the text that a location stands for.

        The span of a value or a key is its whole token, with brackets or quotes.
        For a path that does not exist, it is that of the nearest existing parent.
        """
        token = self._token(location)
        if token is None or self.source is None or location.characters is None:
            return token
        if self.source.text[token.start] != '"':
            return token
        if token.start not in self._offsets:
            from pflow_lower.document.tokens import string_offsets

            offsets = string_offsets(self.source.text, token.start, token.stop)
            self._offsets[token.start] = offsets
        raw_offset = self._offsets[token.start].raw_offset
        start, stop = location.characters.start, location.characters.stop
        return Span(raw_offset(start), raw_offset(stop))

    def _token(self, location: Location) -> Span | None:
        entry = self._root
        if entry is None:
            return None
        for step in location.path:
            if step not in entry.children:
                return entry.value
            entry = entry.children[step]
        return entry.key if location.part == "key" and entry.key else entry.value

    @cached_property
    def _root(self) -> "Entry | None":
        """The positions of all values, computed for the first diagnostic."""
        from pflow_lower.document.scanner import scan  # late: most have no diagnostic

        return scan(self.source).root if self.source else None

    @cached_property
    def _offsets(self) -> "dict[int, Offsets]":
        """The offsets inside strings, by the start of the string; a cache."""
        return {}


def place(
    diagnostics: Iterable[Diagnostic], origin: Document | Source | None
) -> tuple[Diagnostic, ...]:
    """Add lines and columns to diagnostics, sort them, and drop exact duplicates.

    A diagnostic that already has its line keeps it. Without a text, diagnostics are
    sorted by the order of their locations in the document.
    """
    diagnostics = list(diagnostics)
    if diagnostics and isinstance(origin, Document):
        if origin.source is None:
            order = {path: rank for rank, path in enumerate(_paths(origin.value))}
            diagnostics.sort(key=lambda one: _rank(one.location, order))
        else:
            source = origin.source
            diagnostics = [_placed(one, origin, source) for one in diagnostics]
    diagnostics.sort(key=lambda one: (one.line or 0, one.column or 0))
    return tuple(dict.fromkeys(diagnostics))


def _placed(one: _Place, document: Document, source: Source) -> _Place:
    if isinstance(one, Diagnostic):
        related = tuple(_placed(each, document, source) for each in one.related)
        one = replace(one, related=related)
    span = document.span(one.location) if one.line is None else None
    if span is None:
        return one
    position = source.position(span.start)
    return replace(one, line=position.line, column=position.column)


def _paths(value: JSON) -> Iterator[Path]:
    """Return the path of each value, in document order."""
    ahead: list[tuple[Path, JSON]] = [((), value)]
    while ahead:
        path, value = ahead.pop()
        yield path
        members: list[tuple[str | int, JSON]] = []
        if isinstance(value, dict):
            members.extend(value.items())
        elif isinstance(value, list):
            members.extend(enumerate(value))
        ahead.extend(((*path, step), child) for step, child in reversed(members))


def _rank(location: Location, order: Mapping[Path, int]) -> tuple[int, bool, int]:
    """Return a sort key: the nearest existing value, its key first, then characters."""
    path = location.path
    while path not in order:
        path = path[:-1]
    start = location.characters.start if location.characters else 0
    return order[path], location.part == "value", start
