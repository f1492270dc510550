"""The writers of the output formats: the diagnostics of a run as text.

Before:  [FileResult("docs.json", (PFL301 at 9:29,), Document(...))]
After:   docs.json:9:29: error[PFL301]: no node or input is called "sumarize"

"text" and "concise" are for people, "github" for the log of a GitHub action; they are
empty if there is nothing to show, and do not end with a line break. "json" and "sarif"
are complete JSON texts in any case. A region is what `render` puts carets under; it
ends at the column after them, and never spans lines.

Whatever names and workflows contain, every format can be encoded as UTF-8 and has no
control characters. A file name that is not UTF-8 keeps its bytes: in "json" as the
escapes that `os.fsencode` knows, in "sarif" as %FF in the URI.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, TypeAlias

from pflow_lower.diagnostics import Code, Diagnostic, Related
from pflow_lower.display.output_formats import OUTPUT_FORMATS
from pflow_lower.display.render import Marks, headline, path_text, render
from pflow_lower.document.document import Document
from pflow_lower.source.positions import Source
from pflow_lower.version import __version__

_SARIF_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"
    "sarif-schema-2.1.0.json"
)
# What cannot be written, and what a terminal would obey, but for line breaks and tabs.
_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class FileResult:
    """The diagnostics of one workflow, with lines, and what they are about."""

    name: str
    diagnostics: tuple[Diagnostic, ...]
    origin: Document | Source | None = None


_Found: TypeAlias = tuple[FileResult, Marks, Diagnostic]


def format_results(
    results: Sequence[FileResult], form: str, *, color: bool = False
) -> str:
    """Return the diagnostics of a run in one of `OUTPUT_FORMATS`.

    Only "text" and "concise" are ever coloured.
    """
    text: str = resolve_name(OUTPUT_FORMATS[form].writer)(results, color)
    return text


def write_text(results: Sequence[FileResult], color: bool) -> str:
    """Show each diagnostic with its line, for people."""
    return "\n".join(
        render(result.diagnostics, result.origin, result.name, color=color)
        for result in results
        if result.diagnostics
    )


def write_concise(results: Sequence[FileResult], color: bool) -> str:
    """Show each diagnostic as one line, for people."""
    return "\n".join(
        headline(one, result.name, color=color) for result, _, one in _each(results)
    )


def write_json(results: Sequence[FileResult], _: bool) -> str:
    """Return an array of diagnostics as JSON text."""
    return _dumps(
        [
            {
                "file": result.name,
                **_json_region(one, marks),
                "code": one.code,
                "severity": one.severity,
                "message": one.message,
                "hint": one.hint,
                "path": one.path,
                "related": [
                    {
                        **_json_region(each, marks),
                        "message": each.message,
                        "path": each.path,
                    }
                    for each in one.related
                ],
            }
            for result, marks, one in _each(results)
        ]
    )


def _json_region(place: Diagnostic | Related, marks: Marks) -> dict[str, Any]:
    line, column, end_column = marks.find(place) or (None, None, None)
    return {
        "line": line,
        "column": column,
        "end_line": line,
        "end_column": end_column,
    }


def write_github(results: Sequence[FileResult], _: bool) -> str:
    """Return commands for the log of a GitHub action."""
    return "\n".join(_command(*found) for found in _each(results))


def _command(result: FileResult, marks: Marks, one: Diagnostic) -> str:
    """Return a diagnostic as a command to GitHub's runner, with its escapes."""
    properties = {"file": result.name}
    if mark := marks.find(one):
        properties |= {
            "line": str(mark.line),
            "endLine": str(mark.line),
            "col": str(mark.column),
            "endColumn": str(mark.end_column),
        }
    properties["title"] = one.code
    listed = ",".join(f"{key}={_property(text)}" for key, text in properties.items())
    return f"::{one.severity} {listed}::{_escaped(_message(one))}"


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def _escaped(text: str) -> str:
    text = _visible(text).replace("%", "%25")
    return text.replace("\r", "%0D").replace("\n", "%0A")


def write_sarif(results: Sequence[FileResult], _: bool) -> str:
    """Return a SARIF log, which is JSON text."""
    found = list(_each(results))
    codes = sorted({one.code for *_, one in found})
    driver = {
        "name": "pflow-lower",
        "version": __version__,
        "rules": [_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "newlineSequences": ["\r\n", "\n", "\r"],
        "results": [_result(*each, codes.index(each[2].code)) for each in found],
    }
    return _dumps({"version": "2.1.0", "$schema": _SARIF_SCHEMA, "runs": [run]})


def _rule(code: Code) -> dict[str, Any]:
    from pflow_lower.display.explanations import explanations  # late: it reads a file

    explanation = explanations()[code]
    return {
        "id": code,
        "name": "".join(map(str.capitalize, code.name.split("_"))),
        "shortDescription": _sarif_text(explanation.title),
        "fullDescription": _sarif_text(" ".join(explanation.meaning.split())),
        "defaultConfiguration": {"level": code.severity},
    }


def _result(
    file: FileResult, marks: Marks, one: Diagnostic, rule: int
) -> dict[str, Any]:
    uri = _uri(file.name)
    result = {
        "ruleId": one.code,
        "ruleIndex": rule,
        "level": one.severity,
        "message": _sarif_text(_message(one)),
        "locations": [_location(one, uri, marks)],
    }
    related = [
        {**_location(each, uri, marks), "message": _sarif_text(each.message)}
        for each in one.related
    ]
    return {**result, "relatedLocations": related} if related else result


def _location(place: Diagnostic | Related, uri: str, marks: Marks) -> dict[str, Any]:
    """Return a place for SARIF: by its region, or else by its path."""
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": {"uri": uri}}}
    if mark := marks.find(place):
        location["physicalLocation"]["region"] = {
            "startLine": mark.line,
            "startColumn": mark.column,
            "endLine": mark.line,
            "endColumn": mark.end_column,
        }
    elif place.path:
        location["logicalLocations"] = [{"fullyQualifiedName": path_text(place.path)}]
    return location


def _sarif_text(text: str) -> dict[str, str]:
    """Return a message in which nothing is a placeholder or a link."""
    text = text.replace("{", "{{").replace("}", "}}")  # SARIF 2.1.0, 3.11.5
    return {"text": text.replace("](", "] (")}  # ibid., 3.11.6


def _uri(name: str) -> str:
    """Return the URI of a file, which is relative unless the path is absolute."""
    from urllib.parse import quote_from_bytes  # late: nothing else needs it

    path = Path(name)
    if path.is_absolute():
        return path.as_uri()
    return quote_from_bytes(os.fsencode(path.as_posix()))


def _message(one: Diagnostic) -> str:
    return f"{one.message}\n{one.hint}" if one.hint else one.message


def _each(results: Sequence[FileResult]) -> Iterator[_Found]:
    for result in results:
        marks = Marks(result.origin)
        for one in result.diagnostics:
            yield result, marks, one


def _dumps(value: object) -> str:
    return _visible(json.dumps(value, ensure_ascii=False, indent=2)) + "\n"


def _visible(text: str) -> str:
    return _UNREADABLE.sub(lambda char: f"\\u{ord(char[0]):04x}", text)
