import hashlib
import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pflow_lower.template import parser as template_text
from pflow_lower.template.parser import (
    Problem,
    grammar_text,
    may_hold_reference,
    parse_template,
)
from pflow_lower.template.tables import GRAMMAR
from pflow_lower.template.tree import (
    LiteralOperand,
    Operand,
    PathOperand,
    Reference,
    Segment,
    Template,
    Text,
    is_name,
)

Parts = tuple[Text | Reference, ...]

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,4}", fullmatch=True)
CONSTANTS = ("true", "false", "null")
LITERALS = st.one_of(
    st.builds(
        LiteralOperand,
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=6),
    ),
    st.sampled_from([LiteralOperand(()), LiteralOperand((), is_object=True)]),
)
FRAGMENTS = st.sampled_from(
    [
        *("$", "${", "$<", "$$", "}", ">", "[", "]", "{", ".", "??", " ?? ", " ", "\t"),
        *(
            "\n",
            "a",
            "b-c",
            "_",
            "0",
            "-1",
            "1.5",
            '"',
            '"x"',
            "\\",
            "true",
            "[]",
            "{}",
        ),
        *("é", "中"),
    ]
)
HOSTILE_TEXTS = st.lists(FRAGMENTS, max_size=14).map("".join)
ANY_TEXTS = st.text(max_size=30) | HOSTILE_TEXTS


def path(name: str, *segments: Segment) -> PathOperand:
    return PathOperand(name, segments)


def paths(depth: int) -> st.SearchStrategy[PathOperand]:
    segments: st.SearchStrategy[Segment] = NAMES | st.integers(0, 10**18 - 1)
    if depth:
        segments |= paths(depth - 1)
    return st.builds(
        PathOperand,
        NAMES,
        st.lists(segments, max_size=3).map(tuple),
    ).filter(lambda path: path.name not in CONSTANTS or path.segments != ())


REFERENCES = st.builds(
    Reference,
    st.lists(paths(2) | LITERALS, min_size=1, max_size=3).map(tuple),
)


def normalised(parts: list[Text | Reference]) -> Parts:
    """Join texts, and drop what no template can say: a `$` before a reference."""
    joined: list[Text | Reference] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Text) and isinstance(last, Text):
            joined[-1] = Text(last.text + part.text)
        elif isinstance(part, Reference) and isinstance(last, Text):
            joined[-1] = Text(last.text.rstrip("$"))
            joined.append(part)
        else:
            joined.append(part)
    return tuple(part for part in joined if part != Text(""))


PARTS = st.lists(ANY_TEXTS.map(Text) | REFERENCES, max_size=4).map(normalised)


def parse(text: str) -> Parts:
    template, problems = parse_template(text)
    assert problems == ()
    assert template.text == text
    return template.parts


def problem_of(text: str) -> Problem:
    _, (problem,) = parse_template(text)
    return problem


# --- What is read as a reference, and what is not.


@pytest.mark.parametrize(
    ("text", "operands"),
    [
        ("${a}", [path("a")]),
        ("$<a>", [path("a")]),
        ("${_}", [path("_")]),
        ("${a-b.c-d}", [path("a-b", "c-d")]),
        ("${a.b[0].c}", [path("a", "b", 0, "c")]),
        ("${a[007]}", [path("a", 7)]),
        ("${a[00]}", [path("a", 0)]),
        ("${a[999999999999999999]}", [path("a", 10**18 - 1)]),
        ("${a[0][1]}", [path("a", 0, 1)]),
        ("${a[${i}].id}", [path("a", path("i"), "id")]),
        ("$<a[$<i>].id>", [path("a", path("i"), "id")]),
        ("${a[$<i>]}", [path("a", path("i"))]),
        ("$<a[${i}]>", [path("a", path("i"))]),
        ("${a[${b[${c.d}].e}].f}", [path("a", path("b", path("c", "d"), "e"), "f")]),
        ("${a ?? b}", [path("a"), path("b")]),
        ("${a??b}", [path("a"), path("b")]),
        ("${a \t ??\tb}", [path("a"), path("b")]),
        ("${a ?? b ?? c}", [path("a"), path("b"), path("c")]),
        ("$<a ?? b.c>", [path("a"), path("b", "c")]),
        ("${true.x}", [path("true", "x")]),
        ("${null[0]}", [path("null", 0)]),
        ("${truest}", [path("truest")]),
        ("${false-alarm}", [path("false-alarm")]),
        ("${True}", [path("True")]),
        ("${a.true}", [path("a", "true")]),
        ("${a.null.b}", [path("a", "null", "b")]),
    ],
)
def test_paths(text: str, operands: list[Operand]) -> None:
    assert parse(text) == (Reference(tuple(operands)),)


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ('"d"', "d"),
        ('""', ""),
        ('"b ?? c"', "b ?? c"),
        ('"}"', "}"),
        ('">"', ">"),
        ('"${x}"', "${x}"),
        (r'"\"\\\/\b\f\n\r\t"', '"\\/\b\f\n\r\t'),
        (r'"\u00e9\ud83d\ude00"', "é😀"),
        ('"é😀"', "é😀"),
        ("0", 0),
        ("-0", 0),
        ("42", 42),
        ("-42", -42),
        ("1.50", 1.5),
        ("-0.0", -0.0),
        ("1e3", 1000.0),
        ("1E-2", 0.01),
        ("true", True),
        ("false", False),
        ("null", None),
    ],
)
@pytest.mark.parametrize("spelling", ["${x ?? %s}", "$<x ?? %s>", "${x??%s}"])
def test_literals(literal: str, value: str | float | None, spelling: str) -> None:
    (reference,) = parse(spelling.replace("%s", literal))

    assert repr(reference) == repr(Reference((path("x"), LiteralOperand(value))))


@pytest.mark.parametrize(
    ("text", "operand"),
    [
        ("${[]}", LiteralOperand(())),
        ("${{}}", LiteralOperand((), is_object=True)),
        ("$<[]>", LiteralOperand(())),
        ("$<1>", LiteralOperand(1)),
        ("${true}", LiteralOperand(True)),
        ('${"$"}', LiteralOperand("$")),
        ("${1}", LiteralOperand(1)),
    ],
)
def test_a_reference_may_be_a_literal_alone(text: str, operand: Operand) -> None:
    assert repr(parse(text)) == repr((Reference((operand,)),))


@pytest.mark.parametrize(
    "text",
    [
        *("{a}", "<a>", "$HOME", "$(cmd)", "$5", "$", "$$", "$$$", "$}", "$>", "$[a]"),
        *("$<<EOF", "$<", "$<>", "$<#a>", "$$<<", "$$<", "$ {a}", "$< y", "$$< y"),
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    for each in (text, f" {text} ", f"{text} a"):
        assert parse(each) == (Text(each),)


def test_no_text_has_no_parts() -> None:
    assert parse("") == ()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("$${x}", (Text("${x}"),)),
        ("$$${x}", (Text("$${x}"),)),
        ("$$$${x}", (Text("$$${x}"),)),
        ("$${", (Text("${"),)),
        ("$${${x}}", (Text("${"), Reference((path("x"),)), Text("}"))),
        ('${"$"}${x}', (Reference((LiteralOperand("$"),)), Reference((path("x"),)))),
        ("$$<x>", (Text("$<x>"),)),
        ("$$$<x>", (Text("$$<x>"),)),
        ("$$<x", (Text("$$<x"),)),
        ("$$<a[${i}]>", (Text("$<a["), Reference((path("i"),)), Text("]>"))),
        ("$${a[${i}]}", (Text("${a["), Reference((path("i"),)), Text("]}"))),
    ],
)
def test_escapes(text: str, parts: Parts) -> None:
    assert parse(text) == parts


def test_text_and_references_stand_in_order_with_their_offsets() -> None:
    template, problems = parse_template("Merge $<sum.results> in ${style ?? 1}!")
    first, second = template.references

    assert problems == ()
    assert template.parts == (
        Text("Merge "),
        Reference((path("sum", "results"),)),
        Text(" in "),
        Reference((path("style"), LiteralOperand(1))),
        Text("!"),
    )
    assert template.text[first.start : first.stop] == "$<sum.results>"
    assert template.text[second.start : second.stop] == "${style ?? 1}"


def test_every_path_knows_its_offsets() -> None:
    template, _ = parse_template('é${a.b[$<i.j>].c ?? d ?? "e"}')
    (reference,) = template.references
    found = {
        str(each): template.text[each.start : each.stop] for each in reference.paths()
    }

    assert found == {"a.b[${i.j}].c": "a.b[$<i.j>].c", "i.j": "i.j", "d": "d"}


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("${a}", True),
        ("$<a ?? b>", True),
        ("${a}\n", True),
        ("${a}\n\n", False),
        ("${a}\r\n", False),
        ("\n${a}", False),
        (" ${a}", False),
        ("${a}${b}", False),
        ("${a} ", False),
        ("$${a}", False),
        ("", False),
    ],
)
def test_a_whole_string_is_one_reference_and_at_most_a_newline(
    text: str, whole: bool
) -> None:
    template = Template(text, parse(text))

    assert (template.whole is not None) == whole


# --- What is not well formed.


@pytest.mark.parametrize(
    ("text", "stop", "message"),
    [
        ("${x:-y}", 4, "expected `}`, `.`, `[` or `??` after `${x`, not `:`"),
        (
            "${x",
            3,
            "expected `}`, `.`, `[` or `??` after `${x`, not the end of the text",
        ),
        ("${ x }", 3, "expected a name or a JSON literal after `${`, not ` x`"),
        (
            "${",
            2,
            "expected a name or a JSON literal after `${`, not the end of the text",
        ),
        ("${#a}", 3, "expected a name or a JSON literal after `${`, not `#`"),
        ("${a..b}", 5, "expected a name after `${a.`, not `.`"),
        ("${a.0}", 5, "expected a name after `${a.`, not `0`"),
        ("${a[-1]}", 5, "expected an index or a reference after `${a[`, not `-1`"),
        ("${a[+1]}", 5, "expected an index or a reference after `${a[`, not `+`"),
        ("${a[1}", 6, "expected `]` after `${a[1`, not `}`"),
        ("${a[1.5]}", 6, "expected `]` after `${a[1`, not `.`"),
        ("${a[${i]}", 8, "expected `}`, `.` or `[` after `${a[${i`, not `]`"),
        ("${a[${0}]}", 7, "expected a name after `${a[${`, not `0`"),
        ("${a ?? 01}", 9, "expected `}` or `??` after `${a ?? 0`, not `1`"),
        ("${a ?? b }", 9, "expected `}`, `.`, `[` or `??` after `${a ?? b`, not ` }`"),
        ("${a>", 4, "expected `}` after `${a`, not `>`"),
        ("${a\n}", 4, "expected `}`, `.`, `[` or `??` after `${a`, not '\\n'"),
        ('${"a}', 3, 'expected a name or a JSON literal after `${`, not `"`'),
        ("${a ?? 1e400}", 12, "the number is too large"),
        (f"${{{'9' * 5000}}}", 5002, "the number is too large"),
        ("${a[1000000000000000000]}", 23, "no array has an index that large"),
        (r'${"\ud800"}', 10, "the string contains an unpaired surrogate"),
    ],
)
def test_a_malformed_reference_says_what_was_expected(
    text: str, stop: int, message: str
) -> None:
    assert problem_of(text) == Problem("malformed", 0, stop, message)


def test_what_was_read_before_is_cut() -> None:
    problem = problem_of("${a_path_that_is_rather_long.and_longer!}")

    assert problem.message == (
        "expected `}`, `.`, `[` or `??` after `…ther_long.and_longer`, not `!`"
    )


def test_a_long_word_that_is_found_is_cut() -> None:
    problem = problem_of(f"${{a[{'x' * 99}]}}")

    assert problem.message == (
        f"expected an index or a reference after `${{a[`, not `{'x' * 20}`"
    )


@pytest.mark.parametrize("spelling", [("${", "}"), ("$<", ">")])
def test_references_nest_10_deep_and_not_deeper(spelling: tuple[str, str]) -> None:
    opening, closing = spelling

    def nested(depth: int) -> str:
        return (
            f"{opening}a[" * (depth - 1)
            + f"{opening}a{closing}"
            + f"]{closing}" * (depth - 1)
        )

    (reference,) = parse(nested(10))
    assert isinstance(reference, Reference)
    assert len(list(reference.paths())) == 10
    problem = problem_of(nested(11))
    assert problem.message == "references may nest 10 deep, not deeper"


def test_every_malformed_reference_is_reported_and_reading_goes_on() -> None:
    template, problems = parse_template("${ a} ${b} ${c.} $${d} ${")

    assert [(each.kind, each.start) for each in problems] == [
        ("malformed", 0),
        ("malformed", 11),
        ("malformed", 23),
    ]
    assert [str(each) for each in template.references] == ["${b}"]


def test_a_reference_inside_a_malformed_one_is_not_lost() -> None:
    template, (problem,) = parse_template("${a + ${b}")

    assert problem.start == 0
    assert [str(each) for each in template.references] == ["${b}"]


@pytest.mark.parametrize(
    ("text", "start", "stop", "message"),
    [
        ("sort $<in.txt", 5, 13, "`>`, `.`, `[` or `??` after `$<in.txt`, not the end"),
        (
            "sort $<in.txt | uniq",
            5,
            14,
            "`>`, `.`, `[` or `??` after `$<in.txt`, not ` |`",
        ),
        ("$<a/b>", 0, 4, "`>`, `.`, `[` or `??` after `$<a`, not `/`"),
        ("$<a[$<b[$<c", 0, 11, "`>`, `.` or `[` after `$<a[$<b[$<c`, not the end"),
    ],
)
def test_what_is_nearly_a_reference_is_text_with_a_warning(
    text: str, start: int, stop: int, message: str
) -> None:
    template, (problem,) = parse_template(text)

    assert template.parts == (Text(text),)
    assert (problem.kind, problem.start, problem.stop) == ("nearly", start, stop)
    assert problem.message.startswith(f"expected {message}")


# --- Laws.


def print_template(parts: Parts) -> str:
    """Write parts as the text that `parse_template` reads them from again.

    It works from the right, since `$<` needs its escape only where what follows
    would make a reference of it.
    """
    written = ""
    for part in reversed(parts):
        if isinstance(part, Reference):
            written = str(part) + written
            continue
        for character in reversed(part.text):
            written = character + written
            if written.startswith("${") or begins_with_reference(written):
                written = "$" + written
    return written


def begins_with_reference(text: str) -> bool:
    if not text.startswith("$<"):
        return False
    template, _ = parse_template(text)
    return isinstance(template.parts[0], Reference)


@given(PARTS)
@example((Text("$<a["), Reference((path("b"),)), Text("]>")))
@example((Text("${"), Reference((path("b"),)), Text("}$")))
@example((Text("$$<a>$${"),))
def test_what_is_printed_is_read_again(parts: Parts) -> None:
    template, problems = parse_template(print_template(parts))

    assert repr(template.parts) == repr(parts)
    assert all(problem.kind == "nearly" for problem in problems)


@given(ANY_TEXTS)
@example("$$<a[$<b>]>")
@example("$<a$$<b>")
def test_what_is_read_is_printed_as_what_reads_the_same(text: str) -> None:
    template, problems = parse_template(text)

    if all(problem.kind == "nearly" for problem in problems):
        again, _ = parse_template(print_template(template.parts))
        assert repr(again.parts) == repr(template.parts)


@given(ANY_TEXTS)
def test_problems_and_references_stand_in_order_and_in_the_text(text: str) -> None:
    template, problems = parse_template(text)
    spans = [(each.start, each.stop) for each in template.references]
    starts = [each.start for each in problems]

    assert starts == sorted(set(starts))
    assert all(text[each.start] == "$" for each in problems)
    assert all(each.start < each.stop <= len(text) for each in problems)
    assert [edge for span in spans for edge in span] == sorted(
        edge for span in spans for edge in span
    )
    assert all(text[start] == "$" and text[stop - 1] in "}>" for start, stop in spans)


@given(ANY_TEXTS)
def test_adjacent_texts_are_one_and_none_is_empty(text: str) -> None:
    template, _ = parse_template(text)
    kinds = [type(part) for part in template.parts]

    assert all(pair != (Text, Text) for pair in pairwise(kinds))
    assert Text("") not in template.parts


@given(ANY_TEXTS)
def test_text_that_holds_no_mark_needs_no_reading(text: str) -> None:
    if not may_hold_reference(text):
        template, problems = parse_template(text)
        assert (
            "".join(str(part.text) for part in template.parts if isinstance(part, Text))
            == text
        )
        assert (list(template.references), problems) == ([], ())


@given(st.text(st.characters(exclude_characters="$")))
def test_text_without_a_dollar_is_never_read(text: str) -> None:
    assert not may_hold_reference(text)


@given(REFERENCES)
def test_both_spellings_mean_the_same(reference: Reference) -> None:
    written = str(reference)
    other = f"$<{written[2:-1]}>"

    assert repr(parse(other)) == repr(parse(written)) == repr((reference,))


@given(st.text(max_size=8))
def test_a_name_is_what_the_grammar_takes_for_one(text: str) -> None:
    template, problems = parse_template(f"${{a.{text}}}")
    expected = (Reference((path("a", text),)),)

    assert is_name(text) == (not problems and template.parts == expected)


@given(LITERALS)
def test_a_literal_is_json(operand: LiteralOperand) -> None:
    value = json.loads(str(operand))

    if operand.value == ():
        assert value == ({} if operand.is_object else [])
    else:
        assert repr(value) == repr(operand.value)


# --- Work is linear in the text, counted in tokens and attempts, not in seconds.


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Give a function that parses a text and counts what that took."""
    parser: Any = template_text._parser()
    count = 0

    class Counting:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def iter_parse(self) -> Iterator[Any]:
            nonlocal count
            count += 1
            for token in self.inner.iter_parse():
                count += 1
                yield token

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    class Parser:
        def parse_interactive(self, text: Any) -> Counting:
            return Counting(parser.parse_interactive(text))

    def measure(text: str) -> int:
        nonlocal count
        count = 0
        parse_template(text)
        return count

    monkeypatch.setattr(template_text, "_parser", Parser)
    return measure


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "$",
            "${",
            "$<",
            "$$<",
            "$<a[",
            "${a[",
            "$$<a[",
            "$<a[0]",
            "$<a[${b}",
            "${a[${b}",
        ),
        *("$<a.b", "$$<a[$<b]>", "${-1", '$<"', "$<a ?? ", '$<a ?? "', "$<a         "),
    ],
)
def test_hostile_text_takes_linear_work(work: Callable[[str], int], unit: str) -> None:
    small, large = work(unit * 50), work(unit * 500)

    assert large <= 11 * small
    # Ten levels, each of three tokens, are read again at each of their openings.
    assert large <= 500 * 40


def test_text_without_marks_takes_no_work(work: Callable[[str], int]) -> None:
    assert work("$" * 999 + "a $ {b} $(c) $HOME $${d}" * 99) == 0


def test_the_tables_are_those_of_the_grammar() -> None:
    digest = hashlib.sha256(grammar_text().encode()).hexdigest()

    assert digest == GRAMMAR, "run make grammar"


def test_without_tables_of_its_own_version_lark_reads_the_grammar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = ['${a.b[0] ?? "c"}', "$<a[${i}].b ?? {}>", "${a b}", "${true.x} ${-1}"]
    with_tables = [parse_template(text) for text in texts]
    monkeypatch.setattr("lark.__version__", "0")
    template_text._parser.cache_clear()
    try:
        without = [parse_template(text) for text in texts]
    finally:
        template_text._parser.cache_clear()

    assert without == with_tables
