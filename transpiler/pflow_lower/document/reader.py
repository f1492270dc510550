"""Read a workflow: JSON text, bytes, or an object from Python, to a `Document`.

Before:  {"nodes": [{"id": "a", "id": "b"}]}
After:   no document, but PFL002 at the second "id"; without the mistake, a
         `Document` of plain dicts, lists and scalars that knows their positions

The result is JSON that any tool can read and write again: docs/language.md § 1 lists
what is refused besides invalid JSON. Whether it is a workflow is checked later.
"""

import json
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING

from pflow_lower.diagnostics import Code, Diagnostic, Related, quote, report
from pflow_lower.document.document import Document
from pflow_lower.source.positions import JSON, MAX_DEPTH, MAX_DIGITS, Location, Source

if TYPE_CHECKING:
    from pflow_lower.document.scanner import Fault

_WORDS = {
    Code.INVALID_JSON: ("{}", ""),
    Code.DUPLICATE_KEY: ("the key {} is given twice", "remove one of the two"),
    Code.NOT_A_NUMBER: (
        "{} is not valid JSON",
        "use null or a string, or leave the key out",
    ),
    Code.NUMBER_TOO_LARGE: ("{} is too large for a number", "write it as a string"),
    Code.NESTED_TOO_DEEP: (f"more than {MAX_DEPTH} levels of arrays and objects", ""),
    Code.LONE_SURROGATE: (
        "{} is an unpaired surrogate",
        "write the surrogate pair, or the character itself",
    ),
    Code.NOT_UTF_8: ("{}", "save the file as UTF-8"),
    Code.NOT_JSON: ("{}", "give it as a dict, list, str, int, float, bool or None"),
}
_STRING_LIKE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKETS = re.compile(r"[\[{]+|[\]}]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_TOO_LARGE = 10**MAX_DIGITS
_BYTES = (bytes, bytearray, memoryview)
_OTHER_MARKS = {  # UTF-32 first: its little-endian mark begins with that of UTF-16
    BOM_UTF32_LE: "UTF-32",
    BOM_UTF32_BE: "UTF-32",
    BOM_UTF16_LE: "UTF-16",
    BOM_UTF16_BE: "UTF-16",
}


def read_text(source: Source) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    """Read JSON text: return the document, or a diagnostic for each mistake."""
    try:
        return Document(_load(source.text), source), ()
    except ValueError:  # the scanner says why, and in the same words on every Python
        from pflow_lower.document.scanner import scan  # late: most texts are JSON

        faults = scan(source).faults
    if not faults:
        raise AssertionError("json.loads refuses what the scanner finds no fault in")
    return None, tuple(_diagnostic(source, fault) for fault in faults)


def read_bytes(
    name: str, raw: bytes
) -> tuple[Source, Document | None, tuple[Diagnostic, ...]]:
    """Read a file that should be UTF-8, with a byte order mark or without one.

    The source is returned in any case, so that diagnostics can quote it.
    """
    for mark, encoding in _OTHER_MARKS.items():
        if raw.startswith(mark):
            source = Source(name, raw.decode(encoding, "replace"))
            message = f"the text is {encoding}, not UTF-8"
            return source, None, (_not_utf_8(source, 0, message),)
    raw = raw.removeprefix(BOM_UTF8)
    try:
        source = Source(name, raw.decode())
    except UnicodeDecodeError as error:
        source = Source(name, raw.decode(errors="replace"))
        offset = len(raw[: error.start].decode())
        message = f"the byte 0x{raw[error.start]:02X} is not UTF-8"
        return source, None, (_not_utf_8(source, offset, message),)
    return source, *read_text(source)


def read_object(value: object) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    """Copy a workflow given as a Python object to plain JSON values.

    Mappings become dicts, sequences become lists, and instances of subclasses of str,
    int or float (such as an Enum) become plain ones.
    """
    reading = _ObjectReading()
    document = Document(reading.value(value, Location()))
    diagnostics = tuple(reading.diagnostics)
    return (None, diagnostics) if diagnostics else (document, ())


def _nests_too_deep(text: str) -> bool:
    """Return whether a text nests deeper than the language allows.

    The answer may be wrongly true for text that is not valid JSON, never wrongly false.
    """
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for run in _BRACKETS.findall(_STRING_LIKE.sub("", text)):
        depth += len(run) if run[0] in "[{" else -len(run)
        if depth > MAX_DEPTH:
            return True
    return False


def _load(text: str) -> JSON:
    """Read JSON; raise ValueError if it contains any mistake."""
    if _nests_too_deep(text):
        raise ValueError
    text.encode()
    value: JSON = json.loads(
        text,
        object_pairs_hook=_object,
        parse_int=_int,
        parse_float=_float,
        parse_constant=_constant,
    )
    if _SURROGATE_ESCAPE.search(text):  # mostly pairs, which json.loads has joined
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _object(members: list[tuple[str, JSON]]) -> JSON:
    value = dict(members)
    if len(value) < len(members):
        raise ValueError
    return value


def _int(number: str) -> JSON:
    if len(number.removeprefix("-")) > MAX_DIGITS:
        raise ValueError
    return int(number)


def _float(number: str) -> JSON:
    value = float(number)
    if not isfinite(value):
        raise ValueError
    return value


def _constant(word: str) -> JSON:
    raise ValueError(word)


def _mistake(code: Code, at: Location, subject: str = "", hint: str = "") -> Diagnostic:
    message, usual_hint = _WORDS[code]
    return report(code, at, message.format(subject), hint or usual_hint)


def _not_utf_8(source: Source, offset: int, message: str) -> Diagnostic:
    return _at(source, offset, _mistake(Code.NOT_UTF_8, Location(), message))


def _diagnostic(source: Source, fault: "Fault") -> Diagnostic:
    from pflow_lower.document.tokens import shorten

    subject = fault.subject
    if fault.code is Code.DUPLICATE_KEY:
        subject = quote(subject)
    elif fault.code is not Code.INVALID_JSON:
        subject = shorten(subject)
    one = _mistake(fault.code, fault.location, subject, fault.hint)
    if fault.first is not None:
        first = source.position(fault.first)
        where = Related(fault.location, "the first is here", first.line, first.column)
        one = replace(one, related=(where,))
    return _at(source, fault.offset, one)


def _at(source: Source, offset: int, one: Diagnostic) -> Diagnostic:
    position = source.position(offset)
    return replace(one, line=position.line, column=position.column)


class _ObjectReading:
    """A walk through an object: its diagnostics, and the containers that are open."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.inside: list[int] = []

    def value(self, value: object, at: Location) -> JSON:
        """Copy a value; report what cannot be copied and replace it by None."""
        # Plain by the base type's own method: str() of an Enum is not its value.
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.string(str.__str__(value), at)
        if isinstance(value, int):
            return self.whole(int.__int__(value), at)
        if isinstance(value, float):
            return self.fraction(float.__float__(value), at)
        if isinstance(value, Mapping | Sequence) and not isinstance(value, _BYTES):
            return self.container(value, at)
        self.refuse(Code.NOT_JSON, at, f"{_type_name(value)} is not a JSON value")
        return None

    def string(self, value: str, at: Location) -> str:
        for half in _SURROGATE.finditer(value):
            where = at.slice(half.start(), half.end())
            self.refuse(Code.LONE_SURROGATE, where, f"\\u{ord(half[0]):04x}")
        return value

    def whole(self, value: int, at: Location) -> JSON:
        if abs(value) < _TOO_LARGE:
            return value
        long = f"an int of more than {MAX_DIGITS} digits"
        self.refuse(Code.NUMBER_TOO_LARGE, at, long)
        return None

    def fraction(self, value: float, at: Location) -> JSON:
        if isfinite(value):
            return value
        self.refuse(Code.NOT_A_NUMBER, at, json.dumps(value))
        return None

    def container(
        self, value: Mapping[object, object] | Sequence[object], at: Location
    ) -> JSON:
        if id(value) in self.inside:
            name = _type_name(value)
            self.refuse(Code.NOT_JSON, at, f"a {name} that contains itself")
            return None
        if len(self.inside) == MAX_DEPTH:
            self.refuse(Code.NESTED_TOO_DEEP, at)
            return None
        self.inside.append(id(value))
        copy: JSON
        if isinstance(value, Mapping):
            copy = dict(self.members(value, at))
        else:
            copy = [self.value(one, at.at(index)) for index, one in enumerate(value)]
        self.inside.pop()
        return copy

    def members(
        self, value: Mapping[object, object], at: Location
    ) -> Iterator[tuple[str, JSON]]:
        for key, member in value.items():
            if isinstance(key, str):
                name = str.__str__(key)
                self.string(name, at.key(name))
                yield name, self.value(member, at.at(name))
            else:
                from pflow_lower.document.tokens import shorten

                what = f"the key {shorten(repr(key))} is not a string"
                self.refuse(Code.NOT_JSON, at, what, "JSON keys must be strings")

    def refuse(
        self, code: Code, at: Location, subject: str = "", hint: str = ""
    ) -> None:
        self.diagnostics.append(_mistake(code, at, subject, hint))


def _type_name(value: object) -> str:
    kind = type(value)
    name = kind.__qualname__
    return name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}"
