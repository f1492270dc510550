"""Every code is explained, and every example of an explanation is true."""

import json
import re
import runpy

import pytest
from places import ROOT

from pflow_lower import LoweringError, lower
from pflow_lower.api import lower_bytes, make_options
from pflow_lower.diagnostics import Code, Diagnostic
from pflow_lower.display.explanations import explain, explanations

DOCS = ROOT / "docs" / "diagnostics.md"
SCRIPT = runpy.run_path(str(DOCS.with_suffix(".py")))

any_code = pytest.mark.parametrize("code", Code)


def reported(text: str, language: str, encoding: str) -> tuple[Diagnostic, ...]:
    """Give what is reported about an example, which is JSON or a call of `lower`."""
    if language == "json":
        options = make_options("example", "value", {})
        return lower_bytes("example.json", text.encode(encoding), options).diagnostics
    try:
        diagnostics: tuple[Diagnostic, ...]
        diagnostics = eval(text.strip(), {"lower": lower}).diagnostics
    except LoweringError as error:
        return error.diagnostics
    return diagnostics


@any_code
def test_the_wrong_example_is_wrong_in_this_way_only(code: Code) -> None:
    one = explanations()[code]
    diagnostics = reported(one.wrong, one.language, one.encoding)

    assert [diagnostic.code for diagnostic in diagnostics] == [code]
    assert diagnostics[0].severity is code.severity


@any_code
def test_nothing_is_wrong_with_the_right_example(code: Code) -> None:
    one = explanations()[code]

    assert reported(one.right, one.language, "UTF-8") == ()


@any_code
def test_an_explanation_is_short_and_complete(code: Code) -> None:
    one = explanations()[code]

    assert 5 < len(one.title) < 60
    assert not one.title.endswith(".")
    assert one.meaning.strip().endswith((".", ".)"))
    assert len(one.meaning) < 500
    assert max(map(len, (one.wrong + one.right).splitlines())) <= 100
    assert (one.wrong == one.right) == (one.encoding != "UTF-8")
    if one.language == "json":
        json.loads(one.right)


def test_no_title_is_given_twice() -> None:
    titles = [one.title for one in explanations().values()]

    assert len(set(titles)) == len(titles)


def test_codes_explanations_and_docs_are_about_the_same() -> None:
    sections = re.findall(r"^### (.*)$", DOCS.read_text("utf-8"), re.MULTILINE)

    assert list(explanations()) == list(Code)
    assert sections == list(Code)


def test_the_docs_are_generated() -> None:
    assert DOCS.read_text("utf-8") == SCRIPT["page"](), "python docs/diagnostics.py"


def test_links_lead_to_sections() -> None:
    text = SCRIPT["page"]()
    links = re.findall(r"\]\(#(.*?)\)", text)
    anchors = [each.lower() for each in re.findall(r"^### (.*)$", text, re.MULTILINE)]

    assert links == anchors


def test_the_families_are_those_of_the_language_reference() -> None:
    docs = (ROOT / "docs" / "language.md").read_text("utf-8")
    rows = re.findall(r"^\| `(PFL\d)xx` \| (.*) \|$", docs, re.MULTILINE)

    assert dict(rows) == SCRIPT["FAMILIES"]
    assert {code[:4] for code in Code} == SCRIPT["FAMILIES"].keys()


def test_an_explanation_as_a_terminal_shows_it() -> None:
    assert explain("PFL506") == (
        "warning[PFL506]: an output without a source\n"
        "\n"
        "Nothing says what the value of the output is, so the output is left out.\n"
        "\n"
        "Wrong:\n"
        "\n"
        "    {\n"
        '      "nodes": [{"id": "ls", "type": "shell", "params": {"command": "ls"}}],\n'
        '      "outputs": {"files": {"description": "the names of the files"}}\n'
        "    }\n"
        "\n"
        "Right:\n"
        "\n"
        "    {\n"
        '      "nodes": [{"id": "ls", "type": "shell", "params": {"command": "ls"}}],\n'
        '      "outputs": {"files": {"description": "the names of the files", '
        '"source": "${ls.files}"}}\n'
        "    }"
    )


def test_it_says_how_the_wrong_example_is_saved() -> None:
    assert "\nWrong, saved as Latin-1:\n" in explain("PFL007")
    assert "\nRight, saved as UTF-8:\n" in explain("PFL007")


@any_code
def test_a_paragraph_fits_on_a_terminal(code: Code) -> None:
    title, meaning, *_ = explain(code).split("\n\n")

    assert title == f"{code.severity}[{code}]: {explanations()[code].title}"
    assert max(map(len, meaning.splitlines())) <= 80


@pytest.mark.parametrize("text", ["PFL301", "pfl301", "Pfl301", " PFL301\n"])
def test_upper_and_lower_case_are_the_same(text: str) -> None:
    assert explain(text).startswith("error[PFL301]: no node or input of that name\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("PFL31", 'there is no code "PFL31": did you mean "PFL301"?'),
        ("PF301", 'there is no code "PF301": did you mean "PFL301"?'),
        (
            "red\x1b[31m",
            r'there is no code "red\u001b[31m": the codes are PFL001, PFL002, '
            "PFL003, PFL004, PFL005, PFL006, PFL007, PFL008, PFL101, PFL102, …",
        ),
    ],
)
def test_a_code_that_is_none_has_a_hint(text: str, message: str) -> None:
    with pytest.raises(LookupError) as raised:
        explain(text)

    assert raised.value.args == (message,)
