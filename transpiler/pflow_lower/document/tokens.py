r"""The tokens of JSON: where they end, their mistakes, and their escapes.

Before:  text `["a\qb"]`, a string that begins at 1
After:   JSONSyntaxError at 3: '\q' is not a valid escape in JSON

Handles strings, numbers and words; `scanner` handles their order. Every function
takes time linear in the text it reads.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from math import isinf
from typing import NamedTuple

from pflow_lower.source.positions import MAX_DIGITS

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_NUMBER_LIKE = re.compile(r"[-+]?\.?[0-9][-+.\w]*")
_WORD = re.compile(r"-?[^\W\d][\w$-]*|\$[\w$-]+")
# Possessive, since backtracking would keep a record of every escape; and with no
# choice inside the group, which Python 3.11.0 to 3.11.4 get wrong.
_STRING_START = re.compile(r'"[^"\\\x00-\x1f]*+(?:\\["\\/bfnrtu][^"\\\x00-\x1f]*+)*+')
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)")
_MAYBE_SURROGATE = re.compile(r"[\ud800-\udfff]|\\u[dD][89a-fA-F]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_PIECE = re.compile(
    r"[^\\]+"
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u[0-9a-fA-F]{4}"
    r"|\\."
)

_QUOTES = (
    "'`\N{ACUTE ACCENT}\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
    "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
)
_OTHER_WORDS = {"undefined": "null", "none": "null", "nil": "null", "nan": "null"}
_CONSTANTS = {"true": "true", "false": "false", "null": "null", **_OTHER_WORDS}
_UNQUOTED = "write it in double quotes"
_BACKSLASH = r"write \\ for a \ inside a string"
_LINE_BREAK = r'close the string with ", or write the line break as \n'
_CONTROLS = {
    "\n": ("a line break", _LINE_BREAK),
    "\r": ("a line break", _LINE_BREAK),
    "\t": ("a tab", r"write it as \t"),
}


class JSONSyntaxError(Exception):
    """The text is not valid JSON from `offset` on."""

    def __init__(self, offset: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message
        self.hint = hint


class Offsets(NamedTuple):
    """Where the pieces of a string begin, as decoded and in the text."""

    decoded: list[int]
    raw: list[int]

    def raw_offset(self, offset: int) -> int:
        """Return the place in the text of a character of the decoded string."""
        offset = max(0, min(offset, self.decoded[-1]))
        piece = bisect_right(self.decoded, offset) - 1
        return self.raw[piece] + offset - self.decoded[piece]


def string_end(text: str, start: int) -> int:
    """Return the offset after the string that begins at `start`."""
    end = _end(_STRING_START, text, start)
    if text.find("\\u", start, end) >= 0:
        for escape in _ESCAPE.finditer(text, start, end):
            if escape[0] == "\\u":
                what = r"'\u' without four hexadecimal digits"
                raise JSONSyntaxError(escape.start(), what, _BACKSLASH)
    if text[end : end + 1] != '"':
        raise _malformed_string(text, start, end)
    return end + 1


def number_end(text: str, start: int) -> int:
    """Return the offset after the number that begins at `start`; without one, `start`.

    What looks like a number but is not one is an error.
    """
    end = _end(_NUMBER_LIKE, text, start)
    number = text[start:end]
    if number and not _NUMBER.fullmatch(number):
        raise JSONSyntaxError(start, *_malformed_number(number))
    return end


def word_end(text: str, start: int) -> int:
    """Return the offset after the word that begins at `start`, or `start`."""
    return _end(_WORD, text, start)


def is_too_large(number: str) -> bool:
    """Return whether no int or float can hold a number."""
    digits = number.removeprefix("-")
    return len(digits) > MAX_DIGITS if digits.isdigit() else isinf(float(number))


def string_offsets(text: str, start: int, stop: int) -> Offsets:
    """Map the characters of a string, as decoded, to its token in the text."""
    pieces = list(_pieces(text, start, stop))
    return Offsets([decoded for decoded, _, _ in pieces], [raw for _, raw, _ in pieces])


def lone_surrogates(text: str, start: int, stop: int) -> Iterator[tuple[int, int, str]]:
    r"""Find the halves of characters in a string: decoded offset, raw offset, escape.

    Two escapes that make a pair are one character, as `json.loads` has it; two
    halves of which one stands in the text as it is are two.
    """
    if not _MAYBE_SURROGATE.search(text, start, stop):
        return
    for decoded, raw, piece in _pieces(text, start, stop):
        if piece.startswith("\\"):
            if len(piece) == len(r"\ud800") and _MAYBE_SURROGATE.match(piece):
                yield decoded, raw, piece.lower()
            continue
        for half in _SURROGATE.finditer(piece):
            at = half.start()
            yield decoded + at, raw + at, f"\\u{ord(half[0]):04x}"


def advice(text: str, at: int) -> str:
    """Return a hint for what stands at `at` and cannot stand anywhere, or ''."""
    char = text[at]
    if text.startswith(("//", "/*", "#"), at):
        return "JSON has no comments; a key that begins with '_' can hold the text"
    if char in _QUOTES:
        return f'write " instead of {char}'
    if text[at - 1 : at] == '"' and (char.isalnum() or char == "_"):
        return r'write \" for a " inside a string'
    if char == "\0":
        return "the text may be UTF-16: save it as UTF-8"
    if not char.isprintable():
        return f"remove the invisible character U+{ord(char):04X}"
    return ""


def word_advice(text: str, at: int) -> str:
    """Return a hint for a word that stands where a value should, or ''."""
    word = text[at : word_end(text, at)].lower()
    if word in _CONSTANTS:
        return f"write {_CONSTANTS[word]}"
    return _UNQUOTED if word else ""


def key_advice(text: str, at: int) -> str:
    """Return a hint for a word that stands where a key should, or ''."""
    return _UNQUOTED if word_end(text, at) > at else ""


def shorten(text: str, width: int = 40) -> str:
    """Cut a text that is too long to be part of a message."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start


def _pieces(text: str, start: int, stop: int) -> Iterator[tuple[int, int, str]]:
    """Return the runs of plain characters and the escapes of a string; last its end.

    Each with its offset in the decoded string and in the text.
    """
    decoded = 0
    for piece in _PIECE.finditer(text, start + 1, stop - 1):
        yield decoded, piece.start(), piece[0]
        decoded += 1 if piece[0].startswith("\\") else len(piece[0])
    yield decoded, stop - 1, ""


def _malformed_string(text: str, start: int, end: int) -> JSONSyntaxError:
    """Return the error for a string that cannot continue at `end`."""
    char, after = text[end : end + 1], text[end + 1 : end + 2]
    if not char or (char == "\\" and not after):
        return JSONSyntaxError(
            start, "a string that is not closed", 'write a " where it ends'
        )
    if char == "\\":
        what = after if after.isprintable() else f"U+{ord(after):04X}"
        hint = f"write {after} alone" if after == "'" else _BACKSLASH
        return JSONSyntaxError(end, f"'\\{what}' is not a valid escape in JSON", hint)
    code = f"{ord(char):04X}"
    usual = f"the control character U+{code}", f"write it as \\u{code}"
    what, hint = _CONTROLS.get(char, usual)
    return JSONSyntaxError(end, f"{what} inside a string", hint)


def _malformed_number(number: str) -> tuple[str, str]:
    """Return the message and the hint for a malformed number."""
    if number.startswith("+"):
        return "a number with a '+'", "leave it out"
    if number.startswith((".", "-.")):
        return "a number that begins with '.'", "write a 0 before it"
    if re.fullmatch(r"-?[0-9]+\.", number):
        return "a number that ends in '.'", "write a digit after it, or leave it out"
    if re.fullmatch(r"-?0[0-9.]+", number):
        return "a number with a leading zero", "leave it out, or write a string"
    return f"{shorten(number)} is not a valid number", _UNQUOTED
