"""Scan JSON text for what `json.loads` does not report: positions and all mistakes.

Before:  {"a": [1, NaN]}
After:   an `Entry` for the value at each path, with the spans of value and key,
         or a `Fault` for each mistake: here NOT_A_NUMBER at offset 10

Accepts the JSON that `json.loads` accepts, and also finds what the language refuses
(docs/language.md § 1). Uses its own stack and takes linear time for any text; what
nests deeper than the language allows is not scanned.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pflow_lower.diagnostics import Code
from pflow_lower.document.tokens import (
    JSONSyntaxError,
    advice,
    is_too_large,
    key_advice,
    lone_surrogates,
    number_end,
    string_end,
    word_advice,
    word_end,
)
from pflow_lower.source.positions import MAX_DEPTH, Location, Source, Span

_BLANKS = " \t\n\r"
_BLANK = re.compile(f"[{_BLANKS}]*")
_NOT_A_NUMBER = ("NaN", "Infinity", "-Infinity")


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake at `offset` of the text.

    `subject` is the key, number or escape in question; for INVALID_JSON it is the
    whole message. `first` is the offset of the first of two equal keys.
    """

    code: Code
    offset: int
    location: Location
    subject: str = ""
    hint: str = ""
    first: int | None = None


class Entry(NamedTuple):
    """The span of a value, the span of its key, and the entries inside it."""

    value: Span
    key: Span | None
    children: "dict[str | int, Entry]"


class Scan(NamedTuple):
    """The result of a scan: the entry of the value, or the faults.

    A syntax error ends the scan and is then the only fault; nesting that is too deep
    ends it too, and is the last fault.
    """

    root: Entry | None
    faults: tuple[Fault, ...]


def scan(source: Source) -> Scan:
    """Scan the whole text; return the entry of its value, or its faults."""
    scanner = _Scanner(source)
    try:
        root = scanner.document()
    except JSONSyntaxError as error:
        at = Location()
        fault = Fault(Code.INVALID_JSON, error.offset, at, error.message, error.hint)
        return Scan(None, (fault,))
    except _DepthError:
        root = None
    return Scan(None if scanner.faults else root, tuple(scanner.faults))


class _DepthError(Exception):
    """The scan ends at a bracket that nests too deep."""


@dataclass(slots=True)
class _Frame:
    """An open container, and the current member in it."""

    start: int
    closing: str
    step: str | int = 0
    key: Span | None = None
    children: dict[str | int, Entry] = field(default_factory=dict)


class _Scanner:
    """A position in a text, the containers open there, and the faults before it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.at = 0
        self.stack: list[_Frame] = []
        self.expected = "a JSON value"
        self.faults: list[Fault] = []

    def document(self) -> Entry | None:
        """Read one value with all that is in it, up to the end of the text."""
        entry = self._value()
        while self.stack:
            frame = self.stack[-1]
            if entry is None:
                more = self._first(frame)
            else:
                frame.children.setdefault(frame.step, entry)
                more = self._next(frame)
            entry = self._value() if more else self._close()
        if self._peek():
            raise self._unexpected("the end of the text after its value")
        return entry

    def _value(self) -> Entry | None:
        """Read a value; None means that a container has been opened."""
        char = self._peek()
        start = self.at
        if char in ("{", "["):
            if len(self.stack) == MAX_DEPTH:
                self._fault(Code.NESTED_TOO_DEEP, start, self._location())
                raise _DepthError
            self.stack.append(_Frame(start, "}" if char == "{" else "]"))
            self.at += 1
            return None
        if char == '"':
            self.at = string_end(self.text, start)
            self._check_surrogates(start, "value")
        else:
            self._number_or_word()
        return self._entry(start, {})

    def _number_or_word(self) -> None:
        start = self.at
        if (end := number_end(self.text, start)) > start:
            if is_too_large(number := self.text[start:end]):
                self._fault(Code.NUMBER_TOO_LARGE, start, self._location(), number)
        else:
            end = word_end(self.text, start)
            word = self.text[start:end]
            if word in _NOT_A_NUMBER:
                self._fault(Code.NOT_A_NUMBER, start, self._location(), word)
            elif word not in ("true", "false", "null"):
                raise self._unexpected(self.expected, word_advice(self.text, start))
        self.at = end

    def _first(self, frame: _Frame) -> bool:
        """Go to the first value of a container, if it has one."""
        if self._peek() == frame.closing:
            return False
        self._member(frame, f"or '{frame.closing}'")
        return True

    def _next(self, frame: _Frame) -> bool:
        """Go to the next value of a container, if it has one."""
        char = self._peek()
        if char == frame.closing:
            return False
        if char != ",":
            raise self._unexpected(f"',' or '{frame.closing}' after a value")
        comma = self.at
        self.at += 1
        if self._peek() == frame.closing:
            raise JSONSyntaxError(comma, f"a ',' before '{frame.closing}'", "remove it")
        self._member(frame, "after ','")
        return True

    def _close(self) -> Entry:
        """Step out of a container."""
        frame = self.stack.pop()
        self.at += 1
        return self._entry(frame.start, frame.children)

    def _member(self, frame: _Frame, where: str) -> None:
        """Go to the value of a member of a container: in an object, past its key."""
        if frame.closing == "]":
            frame.step = len(frame.children)
            self.expected = f"a value {where}"
            return
        if self._peek() != '"':
            hint = key_advice(self.text, self.at)
            raise self._unexpected(f"a key in double quotes {where}", hint)
        self._key(frame)
        if self._peek() != ":":
            raise self._unexpected("':' after a key")
        self.at += 1
        self.expected = "a value after ':'"

    def _key(self, frame: _Frame) -> None:
        start = self.at
        self.at = string_end(self.text, start)
        frame.key = Span(start, self.at)
        frame.step = name = str(json.loads(self.text[start : self.at]))
        twin = frame.children.get(name)
        if twin and twin.key:
            at, first = self._location("key"), twin.key.start
            self.faults.append(Fault(Code.DUPLICATE_KEY, start, at, name, first=first))
        self._check_surrogates(start, "key")

    def _check_surrogates(self, start: int, part: Literal["value", "key"]) -> None:
        """Report the halves of characters in the string that has just been read."""
        for decoded, raw, escape in lone_surrogates(self.text, start, self.at):
            half = self._location(part, Span(decoded, decoded + 1))
            self._fault(Code.LONE_SURROGATE, raw, half, escape)

    def _entry(self, start: int, children: dict[str | int, Entry]) -> Entry:
        key = self.stack[-1].key if self.stack else None
        return Entry(Span(start, self.at), key, children)

    def _peek(self) -> str:
        """Skip blanks and return the next character, or ''."""
        if blank := _BLANK.match(self.text, self.at):
            self.at = blank.end()
        return self.text[self.at : self.at + 1]

    def _unexpected(self, expected: str, hint: str = "") -> JSONSyntaxError:
        """Return the error that something else was expected at this position."""
        message = f"expected {expected}"
        if self.at < len(self.text):
            closes = self.text[self.at] in "]}"
            other = self._still_open() if closes else advice(self.text, self.at)
            return JSONSyntaxError(self.at, message, hint or other)
        end = len(self.text.rstrip(_BLANKS))
        if end == 0:
            return JSONSyntaxError(end, "the text is empty", message)
        return JSONSyntaxError(end, f"{message}, but the text ends", self._still_open())

    def _still_open(self) -> str:
        if not self.stack:
            return ""
        start = self.stack[-1].start
        line, column = self.source.position(start)
        return f"the '{self.text[start]}' in line {line}, column {column} is not closed"

    def _location(
        self, part: Literal["value", "key"] = "value", characters: Span | None = None
    ) -> Location:
        path = tuple(frame.step for frame in self.stack)
        return Location(path, part, characters)

    def _fault(self, code: Code, offset: int, at: Location, subject: str = "") -> None:
        self.faults.append(Fault(code, offset, at, subject))
