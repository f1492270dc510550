import io
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pflow_lower.diagnostics import Code, Diagnostic, Related, Severity, report
from pflow_lower.display.render import path_text, render, wants_color
from pflow_lower.document.document import Document, place
from pflow_lower.document.reader import read_bytes, read_text
from pflow_lower.source.positions import Location, Path, Source

ROOT = Location()


def shown(text: str, *diagnostics: Diagnostic) -> str:
    document, mistakes = read_text(Source("w.json", text))
    assert not mistakes
    return render(place(diagnostics, document), document)


def wrong(location: Location, hint: str = "") -> Diagnostic:
    return report(Code.WRONG_TYPE, location, "wrong", hint)


def test_a_diagnostic_shows_its_line_and_carets_under_the_place() -> None:
    text = """\
{"nodes": [
  {"id": "merge", "params": {
    "prompt": "Merge: ${sumarize.results}"
  }}
]}
"""
    prompt = ROOT.at("nodes", 0, "params", "prompt")
    unknown = report(
        Code.UNKNOWN_NAME,
        prompt.slice(9, 17),
        'no node or input is called "sumarize"',
        'did you mean "summarize"?',
    )

    assert (
        shown(text, unknown)
        == """\
w.json:3:25: error[PFL301]: no node or input is called "sumarize"
  3 |     "prompt": "Merge: ${sumarize.results}"
    |                         ^^^^^^^^ did you mean "summarize"?"""
    )


def test_diagnostics_stand_below_one_another() -> None:
    text = '{\n  "a": "b"\n}'

    assert (
        shown(
            text,
            wrong(ROOT.key("a")),
            report(Code.UNUSED_ALIAS, ROOT.at("a"), "unused"),
        )
        == """\
w.json:2:3: error[PFL103]: wrong
  2 |   "a": "b"
    |   ^^^
w.json:2:8: warning[PFL501]: unused
  2 |   "a": "b"
    |        ^^^"""
    )


@pytest.mark.parametrize("text", ['{"a": [1, 2]}', '{"a": [\n1, 2]}', '{"a": {}}'])
def test_of_a_container_the_bracket_is_marked(text: str) -> None:
    line = text.partition("\n")[0]

    assert (
        shown(text, wrong(ROOT.at("a")))
        == f"""\
w.json:1:7: error[PFL103]: wrong
  1 | {line}
    |       ^"""
    )


def test_of_a_string_that_begins_with_a_bracket_all_characters_are_marked() -> None:
    text = '["[1, 2"]'

    assert shown(text, wrong(ROOT.at(0).slice(0, 4))).endswith("|   ^^^^")
    assert shown(text, wrong(ROOT.at(0))).endswith("|  ^^^^^^^")


def test_no_characters_are_marked_by_one_caret() -> None:
    assert shown('["ab"]', wrong(ROOT.at(0).slice(1, 1), "here")).endswith(
        '["ab"]\n    |    ^ here'
    )


def test_escapes_are_marked_as_they_are_written() -> None:
    assert (
        shown(r'["a\n\ud83d\ude00b"]', wrong(ROOT.at(0).slice(1, 3), "hint"))
        == r"""w.json:1:4: error[PFL103]: wrong
  1 | ["a\n\ud83d\ude00b"]
    |    ^^^^^^^^^^^^^^ hint"""
    )


def test_the_margin_is_as_wide_as_the_number() -> None:
    assert (
        shown("\n" * 99 + "[1]", wrong(ROOT.at(0)))
        == """\
w.json:100:2: error[PFL103]: wrong
  100 | [1]
      |  ^"""
    )


def test_tabs_stay_so_that_carets_stand_where_they_should() -> None:
    assert (
        shown('{\t"a":\t1}', wrong(ROOT.at("a")))
        == 'w.json:1:8: error[PFL103]: wrong\n  1 | {\t"a":\t1}\n    |  \t    \t^'
    )


def test_wide_and_combining_characters_are_counted_as_they_are_shown() -> None:
    assert (
        shown('["漢字e\u0301: 漢字!"]', wrong(ROOT.at(0).slice(6, 8)))
        == """\
w.json:1:9: error[PFL103]: wrong
  1 | ["漢字e\u0301: 漢字!"]
    |          ^^^^"""
    )


def test_what_a_terminal_would_obey_or_hide_is_written_out() -> None:
    text = '["a\x7f\x9b\u202e\u200b\xa0", "b"]'
    hostile = report(Code.WRONG_TYPE, ROOT.at(1), "no \x1b[31m\ud800", "\r\n\u2028")

    assert (
        shown(text, hostile)
        == r"""w.json:1:12: error[PFL103]: no ␛[31m\ud800
  1 | ["a␡\u009b\u202e\u200b\u00a0", "b"]
    |                                ^^^ ␍␊\u2028"""
    )


def test_a_name_is_written_out_too() -> None:
    document, _ = read_text(Source("\x1b.json", "[1]"))

    assert render(place([wrong(ROOT)], document), document).startswith("␛.json:1:1: ")


@pytest.mark.parametrize(
    ("at", "excerpt", "carets"),
    [
        (0, '["' + "x" * 98 + "…", "^" * 98),
        (97, "…" + "x" * 100 + "…", " " * 41 + "^" * 60),
        (197, "…" + "x" * 98 + '"]', " " * 98 + "^"),
    ],
    ids=["start", "middle", "end"],
)
def test_a_long_line_is_cut_around_the_place(
    at: int, excerpt: str, carets: str
) -> None:
    found = shown('["' + "x" * 198 + '"]', wrong(ROOT.at(0).slice(at, 198), "hint"))

    indent = "  " if at == 0 else ""
    assert found.splitlines()[1:] == [
        f"  1 | {excerpt}",
        f"    | {indent}{carets} hint",
    ]


def test_a_line_of_a_hundred_characters_is_shown_whole() -> None:
    text = '["' + "x" * 96 + '"]'

    assert f"  1 | {text}\n" in shown(text, wrong(ROOT.at(0)))


def test_without_a_text_the_path_says_where() -> None:
    document = Document({"nodes": [{"id": "a"}]})
    mistakes = [wrong(ROOT), wrong(ROOT.at("nodes", 0, "id").slice(0, 1), "why")]

    assert (
        render(place(mistakes, document), document, "docs")
        == """\
docs: error[PFL103]: wrong
docs: error[PFL103] at nodes[0].id: wrong
  hint: why"""
    )


def test_what_could_not_be_placed_is_shown_by_its_path() -> None:
    assert (
        render([wrong(ROOT.at("a"), "why")], Source("w.json", "[]"))
        == "w.json: error[PFL103] at a: wrong\n  hint: why"
    )


def test_a_workflow_has_a_name_in_any_case() -> None:
    assert render([wrong(ROOT)], None) == "workflow: error[PFL103]: wrong"


def test_no_diagnostics_are_no_text() -> None:
    assert render([], None) == ""
    assert render([], Source("w.json", "")) == ""


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("nodes", 1, "params", "prompt"), "nodes[1].params.prompt"),
        ((0, "a"), "[0].a"),
        (("inputs", "my key", "é-1"), 'inputs["my key"].é-1'),
        (("a", "", "1b", 'c"d', "e\n"), r'a[""]["1b"]["c\"d"]["e\n"]'),
    ],
)
def test_paths_are_written_as_people_do(path: Path, text: str) -> None:
    assert path_text(path) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"a": 1,\n "a": 2}',
            """\
w.json:2:2: error[PFL002]: the key "a" is given twice
  2 |  "a": 2}
    |  ^^^ remove one of the two
  1 | {"a": 1,
    |  --- the first is here""",
        ),
        (
            "[1, -Infinity]",
            """\
w.json:1:5: error[PFL003]: -Infinity is not valid JSON
  1 | [1, -Infinity]
    |     ^^^^^^^^^ use null or a string, or leave the key out""",
        ),
        (
            r'["ab\ud800c"]',
            r"""w.json:1:5: error[PFL006]: \ud800 is an unpaired surrogate
  1 | ["ab\ud800c"]
    |     ^^^^^^ write the surrogate pair, or the character itself""",
        ),
        (
            '{\n  "a": 1,\n}',
            """\
w.json:2:9: error[PFL001]: a ',' before '}'
  2 |   "a": 1,
    |         ^ remove it""",
        ),
        (
            '{"a": 1\n\n',
            """\
w.json:1:8: error[PFL001]: expected ',' or '}' after a value, but the text ends
  1 | {"a": 1
    |        ^ the '{' in line 1, column 1 is not closed""",
        ),
        (
            '["a\nb"]',
            """\
w.json:1:4: error[PFL001]: a line break inside a string
  1 | ["a
    |    ^ close the string with ", or write the line break as \\n""",
        ),
        (
            r'["C:\dir"]',
            r"""w.json:1:5: error[PFL001]: '\d' is not a valid escape in JSON
  1 | ["C:\dir"]
    |     ^^ write \\ for a \ inside a string""",
        ),
        (
            "",
            """\
w.json:1:1: error[PFL001]: the text is empty
  1 |
    | ^ expected a JSON value""",
        ),
        (
            '{"a":[' * 60,
            f"""\
w.json:1:301: error[PFL005]: more than 100 levels of arrays and objects
  1 | …{('{"a":[' * 60)[260:]}
    | {" " * 41}^""",
        ),
    ],
    ids=range(9),
)
def test_mistakes_of_reading(text: str, expected: str) -> None:
    source = Source("w.json", text)
    _, diagnostics = read_text(source)

    assert render(diagnostics, source) == expected


def test_bytes_that_are_no_text() -> None:
    source, _, diagnostics = read_bytes("w.json", b'{"caf\xe9": 1}')

    assert (
        render(diagnostics, source)
        == """\
w.json:1:6: error[PFL007]: the byte 0xE9 is not UTF-8
  1 | {"caf�": 1}
    |      ^ save the file as UTF-8"""
    )


def test_severity_is_that_of_the_diagnostic() -> None:
    warning = report(Code.WRONG_TYPE, ROOT, "wrong", severity=Severity.WARNING)

    assert render([warning], None) == "workflow: warning[PFL103]: wrong"


def twice(there: Location, here: Location, hint: str = "") -> Diagnostic:
    related = (Related(there, "the first is here"),)
    return report(Code.DUPLICATE_ID, here, "twice", hint, related=related)


def test_a_second_place_is_shown_below_and_the_margin_is_that_of_both() -> None:
    text = '["a",' + "\n" * 9 + ' "a"]'

    assert (
        shown(text, twice(ROOT.at(0), ROOT.at(1), "rename it"))
        == """\
w.json:10:2: error[PFL201]: twice
  10 |  "a"]
     |  ^^^ rename it
   1 | ["a",
     |  --- the first is here"""
    )


def test_places_in_one_line_share_it() -> None:
    assert (
        shown('["a", "a", ["b"]]', twice(ROOT.at(0), ROOT.at(1), "rename it"))
        == """\
w.json:1:7: error[PFL201]: twice
  1 | ["a", "a", ["b"]]
    |       ^^^ rename it
    |  --- the first is here"""
    )


def test_of_a_long_line_each_place_has_its_own_part() -> None:
    text = '["a"' + " " * 200 + ', "a"]'

    assert (
        shown(text, twice(ROOT.at(0), ROOT.at(1)))
        == f"""\
w.json:1:207: error[PFL201]: twice
  1 | …{" " * 94}, "a"]
    | {" " * 97}^^^
  1 | ["a"{" " * 96}…
    |  --- the first is here"""
    )


def test_a_second_place_without_a_line_is_a_path() -> None:
    document = Document([{"id": "a"}, {"id": "a"}])
    one = twice(ROOT.at(0, "id"), ROOT.at(1, "id"), "rename it")

    assert (
        render(place([one], document), document)
        == """\
workflow: error[PFL201] at [1].id: twice
  hint: rename it
  [0].id: the first is here"""
    )


def test_color() -> None:
    text = '["a",\n "a"]'
    document, _ = read_text(Source("w.json", text))
    found = [
        twice(ROOT.at(0), ROOT.at(1), "rename it"),
        report(Code.UNUSED_ALIAS, ROOT, "unused"),
    ]

    colored = render(place(found, document), document, color=True)

    assert with_names(colored) == (
        """\
<bold>w.json:1:1</>: <bold yellow>warning[PFL501]</>: unused
<bold blue>  1 |</> ["a",
<bold blue>    |</> <bold yellow>^</>
<bold>w.json:2:2</>: <bold red>error[PFL201]</>: twice
<bold blue>  2 |</>  "a"]
<bold blue>    |</>  <bold red>^^^</> <cyan>rename it</>
<bold blue>  1 |</> ["a",
<bold blue>    |</>  <bold blue>---</> <bold blue>the first is here</>"""
    )


def test_color_without_a_text() -> None:
    one = twice(ROOT.at(0), ROOT.at(1), "rename it")

    assert with_names(render([one], None, color=True)) == (
        """\
<bold>workflow</>: <bold red>error[PFL201]</> at <bold>[1]</>: twice
  <cyan>hint: rename it</>
  <bold blue>[0]: the first is here</>"""
    )


def with_names(text: str) -> str:
    """Write the codes of colours in words."""
    names = {
        "0": "/",
        "1": "bold",
        "1;31": "bold red",
        "1;33": "bold yellow",
        "1;34": "bold blue",
        "36": "cyan",
    }
    return re.sub(r"\x1b\[([\d;]*)m", lambda code: f"<{names[code[1]]}>", text)


any_text = st.text(st.characters(), max_size=20)  # lone surrogates among them


@given(name=any_text, text=any_text, message=any_text, hint=any_text, lines=...)
def test_without_its_codes_what_is_colored_is_what_is_plain(
    name: str, text: str, message: str, hint: str, lines: bool
) -> None:
    related = (Related(ROOT, message, 1, 2), Related(ROOT.at(text), hint, 1, 1))
    one = report(Code.CYCLE, ROOT.at(hint), message, hint, related=related)
    source = Source(name, f"[[\t], {text}") if lines else None
    if lines:
        one = replace(one, line=1, column=2)

    plain = render([one, one], source, name)
    colored = render([one, one], source, name, color=True)

    assert re.sub(r"\x1b\[[\d;]+m", "", colored) == plain
    assert re.sub("[\n\t]", "", plain).isprintable()


class Stream(io.StringIO):
    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.mark.parametrize(
    ("environ", "on_terminal", "in_file"),
    [
        ({}, True, False),
        ({"TERM": "xterm"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": "0"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"FORCE_COLOR": ""}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
    ],
    ids=str,
)
def test_who_wants_color(
    environ: dict[str, str], on_terminal: bool, in_file: bool
) -> None:
    assert wants_color("auto", Stream(True), environ) == on_terminal
    assert wants_color("auto", Stream(False), environ) == in_file
    assert wants_color("auto", None, environ) == in_file
    for is_terminal in (True, False):
        assert wants_color("always", Stream(is_terminal), environ)
        assert not wants_color("never", Stream(is_terminal), environ)
