"""The items of a batch that are read from a file or a folder as the batch goes on.

    {"jsonl": "docs.jsonl"}      the JSON value on each line
    {"csv": "docs.csv"}          an object for each row; the header gives the keys
    {"lines": "names.txt"}       the text of each line
    {"glob": "docs/**/*.md"}     the path of each file that fits

Only a line, a row or the names in one folder are in memory. An error in a file stops
the batch: no line is silently skipped.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import IO, Any, NoReturn

from pflow_lower.runtime.batch.paths import files_that_fit, spelled_out
from pflow_lower.runtime.errors import RunError
from pflow_lower.support.values import type_name

_CELL = 1 << 26
"""The most characters in a cell of a CSV file; an open quote ends there."""

_BLANKS = " \t\r\n"
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:NaN|Infinity|[0-9][0-9.eE+-]*)')


class SourceError(RunError):
    """Items cannot be read; the message names the file and, in it, the line."""


def open_source(kind: str, where: object) -> Iterable[Any]:
    """Return the items that are at `where`, a path or a pattern.

    `kind` is one of SOURCES. Each `iter()` opens the file anew and reads it from
    its start; it is closed when the iterator ends, fails or is dropped. A
    relative path starts at the working directory, `~/` at the home directory.
    Raises SourceError at once if `where` is not a path, at `iter()` if there is nothing
    to read, and later if a line is not valid.
    """
    if kind not in _READERS:
        raise SourceError(f'items come from {", ".join(SOURCES)}, not from "{kind}"')
    if not isinstance(where, str) or not where:
        found = type_name(where) if where != "" else "an empty string"
        expected = "a pattern" if kind == "glob" else "a path"
        raise SourceError(f'items from "{kind}" need {expected}, not {found}')
    return _Source(_READERS[kind], where)


class _Source:
    """Items that can be read repeatedly."""

    __slots__ = ("_read", "_where")

    def __init__(self, read: "_Reader", where: str) -> None:
        self._read = read
        self._where = where

    def __iter__(self) -> Iterator[Any]:
        items = self._read(self._where)
        # Every reader yields once when its file is open. It must have got there: only a
        # generator that has begun closes its file when it is dropped.
        next(items)
        return items


def _jsonl(path: str) -> Generator[Any]:
    with _opened(path) as file:
        yield None
        decode = _DECODER.raw_decode
        for number, line in _lines_of(path, file):
            text = line.strip(_BLANKS)
            if not text:
                continue
            try:
                value, end = decode(text)
                if end < len(text):
                    rest = text[end:].lstrip(_BLANKS)
                    end = len(text) - len(rest)
                    raise json.JSONDecodeError("Extra data", text, end)
            except (ValueError, RecursionError) as error:
                before = len(line) - len(line.lstrip(_BLANKS))
                place, message = _fault(text, error)
                column = "" if place is None else f":{before + place + 1}"
                raise SourceError(f"{path}:{number}{column}: {message}") from None
            yield value


def _csv(path: str) -> Generator[Any]:
    with _opened(path) as file:
        yield None
        rows = _rows(path, file)
        for line, names in rows:
            _check_header(names, f"{path}:{line}")
            break
        else:
            raise SourceError(f"{path}:1: there is no header that names the columns")
        for line, cells in rows:
            if len(cells) == len(names):
                yield dict(zip(names, cells, strict=True))
            elif len(cells) > 1 or not cells[0].isspace():
                counts = f"{len(cells)} cells, the header {len(names)}"
                raise SourceError(f"{path}:{line}: the row has {counts}")


def _lines(path: str) -> Generator[Any]:
    with _opened(path) as file:
        yield None
        for _, line in _lines_of(path, file):
            text = line.removesuffix("\r\n").removesuffix("\n")
            if text and not text.isspace():
                yield text


def _glob(pattern: str) -> Generator[Any]:
    try:
        files = files_that_fit(pattern)
        yield None
        yield from files
    except OSError as error:
        place = error.filename or pattern
        raise SourceError(f"cannot read {place}: {error.strerror}") from error
    except ValueError as error:
        raise SourceError(f"cannot read {pattern!r}: {error}") from error


_Reader = Callable[[str], Generator[Any]]

_READERS: dict[str, _Reader] = {
    "jsonl": _jsonl,
    "csv": _csv,
    "lines": _lines,
    "glob": _glob,
}

SOURCES: tuple[str, ...] = tuple(_READERS)
"""The kinds of sources that `open_source` knows."""


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    try:
        exact = spelled_out(path)
    except ValueError as error:
        raise SourceError(f"cannot read {path!r}: {error}") from error
    try:
        with open(exact, "rb") as file:
            yield file
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error


def _lines_of(path: str, file: IO[bytes]) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line, its newline included."""
    encoding = "utf-8-sig"  # only a file begins with a byte order mark
    for number, line in enumerate(file, 1):
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError as error:
            column = len(error.object[: error.start].decode()) + 1
            byte = f"0x{error.object[error.start]:02x}"
            message = f"this is not valid UTF-8: the byte {byte} ({error.reason})"
            raise SourceError(f"{path}:{number}:{column}: {message}") from None
        yield number, text
        encoding = "utf-8"


class _RefusedError(ValueError):
    """Python reads it as JSON, but it is not valid JSON."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        [(key, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise _RefusedError(f"an object has the key {json.dumps(key)} more than once")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if value - value:
        raise _RefusedError("this number is too large")
    return value


def _no_constant(name: str) -> NoReturn:
    raise _RefusedError(f"{name} is not valid JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant
)


def _fault(text: str, error: Exception) -> tuple[int | None, str]:
    """Return where a text is not valid JSON, if that is one place, and why."""
    if isinstance(error, json.JSONDecodeError):
        return error.pos, f"this is not valid JSON: {error.msg}"
    if isinstance(error, RecursionError):
        return None, "this JSON is nested too deeply"
    # The hook that refuses a number does not know its place.
    for token in _TOKEN.finditer(text):
        try:
            _DECODER.raw_decode(token[0])
        except ValueError:
            place = token.start()
            break
    else:
        place = None
    known = isinstance(error, _RefusedError)
    return place, str(error) if known else "an integer has too many digits"


def _rows(path: str, file: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    """Yield each row of a CSV file that is not blank, and the line it begins on."""
    # The limit is one for the whole process, so it is only ever raised.
    csv.field_size_limit(max(_CELL, csv.field_size_limit()))
    # Without strict, an open quote would silently take the rest of the file as a
    # cell.
    rows = csv.reader(_csv_lines(_lines_of(path, file)), strict=True)
    line = 1
    try:
        for cells in rows:
            if cells:
                yield line, cells
            line = rows.line_num + 1
    except csv.Error as error:
        raise SourceError(
            f"{path}:{line}: this row is not valid CSV: {error}"
        ) from None


def _csv_lines(lines: Iterable[tuple[int, str]]) -> Iterator[str]:
    """Yield lines as `csv` splits them: also at a lone carriage return."""
    for _, line in lines:
        if line.find("\r", 0, -2) < 0:
            yield line
        else:
            yield from StringIO(line, newline="")


def _check_header(names: list[str], place: str) -> None:
    for number, name in enumerate(names, 1):
        if not name.strip():
            raise SourceError(f"{place}: column {number} of the header has no name")
    [(name, count)] = Counter(names).most_common(1)
    if count > 1:
        raise SourceError(f"{place}: {count} columns are called {json.dumps(name)}")
