"""What a run is shown as: whole outputs as goldens, and what holds for any input.

SARIF is held to a schema of our own, `LOG` below, of those objects that we
write: the names are all that the standard knows for them, the rules are its own.
The published one is in no package that we found.

Read what has changed after `--snapshot-update`.
"""

import json
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from unicodedata import category
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from places import FIXTURES as FIXTURES_ROOT
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from pflow_lower.api import lower_bytes, make_options
from pflow_lower.diagnostics import Code, Diagnostic, Related, Severity, report
from pflow_lower.display import formats
from pflow_lower.display.explanations import explanations
from pflow_lower.display.formats import FileResult, format_results
from pflow_lower.display.output_formats import OUTPUT_FORMATS
from pflow_lower.display.render import render
from pflow_lower.document.document import Document, place
from pflow_lower.document.reader import read_text
from pflow_lower.source.positions import Location, Source

FOLDER = FIXTURES_ROOT / "invalid"
FIXTURES = sorted(FOLDER.glob("*.json"), key=lambda path: path.stem)
ROOT = Location()

any_form = pytest.mark.parametrize("form", OUTPUT_FORMATS)


def _closed(names: str, required: str, **rules: object) -> dict[str, Any]:
    """Give the schema of an object that has no other keys than those of a list."""
    properties = {name: rules.get(name, True) for name in names.split()}
    assert rules.keys() <= properties.keys()
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


NUMBER = {"type": "integer", "minimum": 1}
TEXT = {"type": "string", "minLength": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
ABSOLUTE = {"type": "string", "pattern": r"^[a-z]+:[!-~]+$"}
REFERENCE = {
    "type": "string",
    "pattern": r"^(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2}|(?<=^file):)+$",
}
# Braces are doubled (3.11.5), and nothing is a link (3.11.6).
PROSE = {"type": "string", "pattern": r"^(?:[^{}]|\{\{|\}\})+$", "not": {}}
PROSE["not"] = {"pattern": r"\[.*\]\("}
MESSAGE = _closed("text markdown id arguments properties", "text", text=PROSE)
STRING = _closed("text markdown properties", "text", text=PROSE)
REGION = _closed(
    "startLine startColumn endLine endColumn charOffset charLength byteOffset "
    "byteLength snippet message sourceLanguage properties",
    "startLine startColumn endLine endColumn",
    startLine=NUMBER,
    startColumn=NUMBER,
    endLine=NUMBER,
    endColumn=NUMBER,
)
ARTIFACT = _closed("uri uriBaseId index description properties", "uri", uri=REFERENCE)
PHYSICAL = _closed(
    "address artifactLocation region contextRegion properties",
    "artifactLocation",
    artifactLocation=ARTIFACT,
    region=REGION,
)
LOGICAL = _closed(
    "name index fullyQualifiedName decoratedName parentIndex kind properties",
    "fullyQualifiedName",
    fullyQualifiedName=TEXT,
)
LOCATION = _closed(
    "id physicalLocation logicalLocations message annotations relationships properties",
    "physicalLocation",
    physicalLocation=PHYSICAL,
    logicalLocations={"type": "array", "items": LOGICAL, "uniqueItems": True},
    message=MESSAGE,
)
RULE = _closed(
    "id deprecatedIds guid deprecatedGuids name deprecatedNames shortDescription "
    "fullDescription messageStrings defaultConfiguration helpUri help relationships "
    "properties",
    "id shortDescription defaultConfiguration",
    id={"enum": list(Code)},
    name={"type": "string", "pattern": "^(?:[A-Z][a-z0-9]*)+$"},
    shortDescription=STRING,
    fullDescription=STRING,
    defaultConfiguration=_closed(
        "enabled level rank parameters properties", "level", level=LEVEL
    ),
)
RESULT = _closed(
    "ruleId ruleIndex rule kind level message analysisTarget locations guid "
    "correlationGuid occurrenceCount partialFingerprints fingerprints stacks codeFlows "
    "graphs graphTraversals relatedLocations suppressions baselineState rank "
    "attachments hostedViewerUri workItemUris provenance fixes taxa webRequest "
    "webResponse properties",
    "ruleId ruleIndex level message locations",
    ruleId={"enum": list(Code)},
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    message=MESSAGE,
    locations={"type": "array", "items": LOCATION, "minItems": 1, "maxItems": 1},
    relatedLocations={
        "type": "array",
        "items": {**LOCATION, "required": ["physicalLocation", "message"]},
        "minItems": 1,
        "uniqueItems": True,
    },
)
DRIVER = _closed(
    "guid name organization product productSuite shortDescription fullDescription "
    "fullName version semanticVersion dottedQuadFileVersion releaseDateUtc downloadUri "
    "informationUri globalMessageStrings notifications rules taxa locations language "
    "contents isComprehensive localizedDataSemanticVersion "
    "minimumRequiredLocalizedDataSemanticVersion associatedComponent "
    "translationMetadata supportedTaxonomies properties",
    "name version rules",
    name={"const": "pflow-lower"},
    version=TEXT,
    rules={"type": "array", "items": RULE, "uniqueItems": True},
)
RUN = _closed(
    "tool invocations conversion language versionControlProvenance originalUriBaseIds "
    "artifacts logicalLocations graphs results automationDetails runAggregates "
    "baselineGuid redactionTokens defaultEncoding defaultSourceLanguage "
    "newlineSequences columnKind externalPropertyFileReferences threadFlowLocations "
    "taxonomies addresses translations policies webRequests webResponses "
    "specialLocations properties",
    "tool results columnKind newlineSequences",
    tool=_closed("driver extensions properties", "driver", driver=DRIVER),
    columnKind={"const": "unicodeCodePoints"},
    newlineSequences={"type": "array", "items": TEXT, "uniqueItems": True},
    results={"type": "array", "items": RESULT},
)
LOG = _closed(
    "$schema version runs inlineExternalProperties properties",
    "version runs",
    **{"$schema": ABSOLUTE},
    version={"const": "2.1.0"},
    runs={"type": "array", "items": RUN, "minItems": 1, "maxItems": 1},
)
Draft202012Validator.check_schema(LOG)
SARIF = Draft202012Validator(LOG)


class Golden(SingleFileSnapshotExtension):
    """A text in a file of its own."""

    file_extension = "txt"
    _write_mode = WriteMode.TEXT


@cache
def lowered(path: Path) -> FileResult:
    outcome = lower_bytes(path.name, path.read_bytes(), make_options("w", "value", {}))
    return FileResult(outcome.name, outcome.diagnostics, outcome.origin)


def result(name: str, text: str, *diagnostics: Diagnostic) -> FileResult:
    document, found = read_text(source := Source(name, text))
    origin = document or source
    return FileResult(name, place([*found, *diagnostics], origin), origin)


def some_results() -> list[FileResult]:
    """Give a run over four workflows: one right, one no JSON, two with mistakes."""
    first = (
        '{\n  "nodes": [{"id": "a"}, {"id": "a",\n    "x": "${a} é \\u00e9 ${b}"}]\n}\n'
    )
    nodes = ROOT.at("nodes")
    text = nodes.at(1, "x")
    twice = report(
        Code.DUPLICATE_ID,
        nodes.at(1, "id"),
        'the id "a" is taken: nodes[0] has it',
        "give each node an id of its own",
        related=(Related(nodes.at(0, "id"), "the first is here"),),
    )
    unknown = report(Code.UNKNOWN_NAME, text.slice(11, 12), 'no "b"', "try ${a}")
    warning = report(Code.UNUSED_ALIAS, nodes, "nobody uses it")
    in_object = Document({"nodes": [{"id": "a"}, {"id": "a"}]})
    return [
        result("right.json", "[]"),
        result("flows/my docs.json", first, unknown, twice, warning),
        result("twice.json", '{"a": 1, "a": 2}'),
        FileResult("docs", place([twice], in_object), in_object),
    ]


@any_form
def test_golden(
    form: str, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "__version__", "1.2.3")

    shown = format_results(some_results(), form)

    assert shown == snapshot(extension_class=Golden)


@any_form
@pytest.mark.parametrize("results", [[], [FileResult("a.json", ())]])
def test_nothing_is_nothing_but_a_whole_text_of_json(
    form: str, results: list[FileResult]
) -> None:
    shown = format_results(results, form, color=True)

    if form == "json":
        assert shown == "[]\n"
    elif form == "sarif":
        (run,) = json.loads(shown)["runs"]
        assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])
    else:
        assert shown == ""


@any_form
def test_color_is_for_people(form: str) -> None:
    plain = format_results(some_results(), form)
    colored = format_results(some_results(), form, color=True)

    assert (plain != colored) == (form in ("text", "concise"))
    assert re.sub(r"\x1b\[[\d;]*m", "", colored) == plain


def test_concise_is_the_first_line_of_each_diagnostic_in_the_text() -> None:
    for path in FIXTURES:
        one = lowered(path)
        text = format_results([one], "text")

        assert text == render(one.diagnostics, one.origin)
        assert format_results([one], "concise").splitlines() == [
            line for line in text.splitlines() if line.startswith(f"{path.name}:")
        ]


def test_json_says_what_the_diagnostics_say() -> None:
    for path in FIXTURES:
        one = lowered(path)

        for each, diagnostic in zip(
            json.loads(format_results([one], "json")), one.diagnostics, strict=True
        ):
            assert each["file"] == path.name
            assert each["code"] == diagnostic.code
            assert each["path"] == list(diagnostic.path)
            assert (each["line"], each["column"]) == (
                diagnostic.line,
                diagnostic.column,
            )
            assert each["end_line"] == each["line"]
            assert each["end_column"] > each["column"]
            for key in ("severity", "message", "hint"):
                assert each[key] == getattr(diagnostic, key)


def test_a_region_is_what_has_carets_under_it() -> None:
    """Where no wide character and no tab is in the line, a column is a caret."""
    for path in FIXTURES:
        one = lowered(path)
        (first, *_) = json.loads(format_results([one], "json"))
        carets = re.findall(r"\^+", render(one.diagnostics[:1], one.origin))
        line = path.read_text("utf-8", "replace").split("\n")[first["line"] - 1]

        assert len(carets[-1]) <= first["end_column"] - first["column"]
        if line.isascii() and len(line) <= 100:
            assert len(carets[-1]) == first["end_column"] - first["column"]


HOSTILE = {
    "newline": "a\nb.json",
    "return": "a\r\nb.json",
    "percent": "100%0A.json",
    "comma": "a,line=7.json",
    "colon": "a::error::b.json",
    "escape": "\x1b[31m\x9b31m.json",
    "bytes": os.fsdecode(b"caf\xe9,\xff.json"),
    "link": "[a](b).json",
    "spaces": " a b .json",
    "wide": "漢字😀.json",
    "scheme": "file:a.json",
    "stdin": "<stdin>",
}
hostile_name = pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())


@any_form
@hostile_name
def test_whatever_a_file_is_called_there_is_text_to_be_written(
    form: str, name: str
) -> None:
    shown = format_results([result(name, "[")], form)

    shown.encode()
    if form not in ("json", "sarif"):
        assert len(shown.splitlines()) == (3 if form == "text" else 1)


@hostile_name
def test_json_keeps_a_file_name_to_the_byte(name: str) -> None:
    shown = format_results([result(name, "[")], "json")

    assert json.loads(shown)[0]["file"] == name
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown) is None


@hostile_name
def test_github_gets_one_command_with_its_own_escapes(name: str) -> None:
    shown = format_results([result(name, "[")], "github")
    command, properties, message = understood(shown)

    assert command == "error"
    assert properties == {
        "file": visible(name),
        "line": "1",
        "endLine": "1",
        "col": "2",
        "endColumn": "3",
        "title": "PFL001",
    }
    assert message.startswith("expected a value or ']', but the text ends\n")


@hostile_name
def test_sarif_keeps_a_file_name_to_the_byte_in_a_relative_uri(name: str) -> None:
    log = valid_sarif(format_results([result(name, "[")], "sarif"))
    (location,) = log["runs"][0]["results"][0]["locations"]
    uri = location["physicalLocation"]["artifactLocation"]["uri"]

    assert ":" not in uri
    assert unquote_to_bytes(uri) == os.fsencode(name)


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("./flows/a b.json", "flows/a%20b.json"),
        ("../a.json", "../a.json"),
        ("/tmp/a b.json", "file:///tmp/a%20b.json"),
    ],
)
def test_a_path_as_uri(name: str, uri: str) -> None:
    log = json.loads(format_results([result(name, "[")], "sarif"))
    (location,) = log["runs"][0]["results"][0]["locations"]

    assert location["physicalLocation"]["artifactLocation"] == {"uri": uri}


def understood(line: str) -> tuple[str, dict[str, str], str]:
    """Read a command as GitHub's runner does."""
    assert not re.search("[\r\n]", line)
    match = re.fullmatch("::([a-z]+) ((?:(?!::).)*)::(.*)", line)
    assert match
    command, listed, message = match.groups()
    pairs = (each.split("=", 1) for each in listed.split(","))
    properties = {key: unescaped(text, "0D", "0A", "3A", "2C") for key, text in pairs}
    return command, properties, unescaped(message, "0D", "0A")


def visible(text: str) -> str:
    """Write out what a terminal would obey, and what cannot be written."""
    return re.sub(
        r"[^\r\n\t]",
        lambda match: (
            f"\\u{ord(match[0]):04x}"
            if category(match[0]) in ("Cc", "Cs")
            else match[0]
        ),
        text,
    )


def unescaped(text: str, *codes: str) -> str:
    for code in codes:
        text = text.replace(f"%{code}", chr(int(code, 16)))
    return text.replace("%25", "%")


def valid_sarif(text: str) -> Any:
    """Check a log against the standard: its shape, and what no schema can say."""
    log = json.loads(text)
    SARIF.validate(log)
    assert next(iter(log)) == "version"  # 3.13.2
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == sorted({each["ruleId"] for each in run["results"]})
    for each in run["results"]:
        assert rules[each["ruleIndex"]] == each["ruleId"]  # 3.27.6
        for location in (*each["locations"], *each.get("relatedLocations", ())):
            region = location["physicalLocation"].get("region")
            if region:
                assert region["endLine"] == region["startLine"]
                assert region["endColumn"] > region["startColumn"]
    return log


def test_sarif_of_every_fixture_is_what_the_standard_asks_for() -> None:
    results = list(map(lowered, FIXTURES))

    log = valid_sarif(format_results(results, "sarif"))

    (run,) = log["runs"]
    assert [(each["ruleId"], each["level"]) for each in run["results"]] == [
        (one.code, one.severity) for each in results for one in each.diagnostics
    ]
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {
        one.code for each in results for one in each.diagnostics
    }


def test_sarif_of_a_small_run_is_what_the_standard_asks_for() -> None:
    valid_sarif(format_results(some_results(), "sarif"))


def test_sarif_has_rules_for_all_codes() -> None:
    every = FileResult("w", tuple(report(code, ROOT, "wrong") for code in Code))

    log = valid_sarif(format_results([every], "sarif"))

    rules = log["runs"][0]["tool"]["driver"]["rules"]
    for code, rule in zip(Code, rules, strict=True):
        assert rule["id"] == code
        assert rule["defaultConfiguration"] == {"level": code.severity}
        text = rule["shortDescription"]["text"]
        assert text.replace("{{", "{").replace("}}", "}") == explanations()[code].title


def test_a_warning_under_strict_is_an_error_in_every_form() -> None:
    strict = report(Code.UNUSED_ALIAS, ROOT, "unused", severity=Severity.ERROR)
    results = [result("w.json", "[]", strict)]

    assert format_results(results, "concise") == "w.json:1:1: error[PFL501]: unused"
    assert format_results(results, "github").startswith("::error ")
    assert json.loads(format_results(results, "json"))[0]["severity"] == "error"
    (run,) = valid_sarif(format_results(results, "sarif"))["runs"]
    assert run["results"][0]["level"] == "error"
    assert run["tool"]["driver"]["rules"][0]["defaultConfiguration"] == {
        "level": "warning"
    }


def test_what_was_given_as_an_object_has_paths_and_no_regions() -> None:
    document = Document({"nodes": []})
    one = report(
        Code.EMPTY,
        ROOT.at("nodes"),
        "it is empty",
        related=(Related(ROOT, "in here"),),
    )
    results = [FileResult("docs", place([one], document), document)]

    assert format_results(results, "github") == (
        "::error file=docs,title=PFL107::it is empty"
    )
    assert format_results(results, "concise") == (
        "docs: error[PFL107] at nodes: it is empty"
    )
    (each,) = json.loads(format_results(results, "json"))
    assert (each["line"], each["end_column"], each["path"]) == (None, None, ["nodes"])
    (run,) = valid_sarif(format_results(results, "sarif"))["runs"]
    assert run["results"][0]["locations"] == [
        {
            "physicalLocation": {"artifactLocation": {"uri": "docs"}},
            "logicalLocations": [{"fullyQualifiedName": "nodes"}],
        }
    ]


def test_text_with_braces_and_links_is_plain_text_in_sarif() -> None:
    one = report(Code.UNKNOWN_NAME, ROOT, "${a} and {0}", "see [this](1)")
    log = valid_sarif(format_results([result("w.json", "[]", one)], "sarif"))

    assert log["runs"][0]["results"][0]["message"] == {
        "text": "${{a}} and {{0}}\nsee [this] (1)"
    }


anything = st.text(st.characters(), max_size=20)  # lone surrogates among them


def of_any_texts(check: Callable[[FileResult, Diagnostic], None]) -> Callable[[], None]:
    @given(name=st.binary(min_size=1, max_size=20), message=anything, hint=anything)
    def test(name: bytes, message: str, hint: str) -> None:
        shown = os.fsdecode(name.replace(b"\0", b"").strip(b"/.") or b"w")
        related = (Related(ROOT.at(1), f"!{message}"),)
        at = ROOT.at(f"{hint}\ud800")
        one = report(Code.CYCLE, at, f"!{message}", hint, related=related)
        document = Document([1, 2], Source(shown, "[1, 2]"))
        placed = place([one], document)
        check(FileResult(shown, placed, document), placed[0])

    return test


@of_any_texts
def test_every_form_can_be_written(one: FileResult, placed: Diagnostic) -> None:
    assert one.diagnostics == (placed,)
    for form in OUTPUT_FORMATS:
        shown = format_results([one, one], form)
        shown.encode()
        assert {char for char in shown if category(char) == "Cc"} <= {"\n", "\t"}
    for form in ("text", "concise"):
        assert format_results([one], form).replace("\n", "").isprintable()


@of_any_texts
def test_github_understands(one: FileResult, placed: Diagnostic) -> None:
    _, properties, message = understood(format_results([one], "github"))

    assert properties["title"] == placed.code
    assert properties["file"] == visible(one.name)
    hint = f"\n{placed.hint}" if placed.hint else ""
    assert message == visible(f"{placed.message}{hint}")


@of_any_texts
def test_json_can_be_read_again(one: FileResult, placed: Diagnostic) -> None:
    (each,) = json.loads(format_results([one], "json"))

    assert joined([each["file"], each["message"], each["hint"], *each["path"]]) == (
        joined([one.name, placed.message, placed.hint, *map(str, placed.path)])
    )


def joined(texts: list[str]) -> list[str]:
    """Put halves of characters together, as JSON does that were next to each other."""
    return [
        text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        for text in texts
    ]


@of_any_texts
def test_sarif_is_valid(one: FileResult, placed: Diagnostic) -> None:
    log = valid_sarif(format_results([one], "sarif"))
    (location,) = log["runs"][0]["results"][0]["locations"]

    assert location["physicalLocation"]["region"]["startColumn"] == placed.column
