import json
import sys
from collections import OrderedDict, UserList, deque
from collections.abc import Iterator, Mapping
from datetime import date
from enum import Enum, IntEnum, StrEnum
from math import isinf
from types import MappingProxyType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from profiles import scaled

from pflow_lower.diagnostics import Code, Diagnostic
from pflow_lower.document.document import Document
from pflow_lower.document.reader import read_bytes, read_object, read_text
from pflow_lower.source.positions import JSON, Location, Path, Source

BLANKS = st.text(" \t\n\r", max_size=2)
PIECES = st.one_of(
    st.characters(
        min_codepoint=0x20, exclude_characters='"\\', exclude_categories=["Cs"]
    ),
    st.sampled_from([r"\"", r"\\", r"\/", r"\b", r"\f", r"\n", r"\r", r"\t"]),
    st.integers(0, 0xD7FF).map(lambda code: f"\\u{code:04x}"),
    st.integers(0xE000, 0xFFFF).map(lambda code: f"\\u{code:04X}"),
    st.builds(
        lambda high, low: f"\\u{high:04x}\\u{low:04X}",
        st.integers(0xD800, 0xDBFF),
        st.integers(0xDC00, 0xDFFF),
    ),
)
STRINGS = st.lists(PIECES, max_size=8).map(lambda pieces: f'"{"".join(pieces)}"')
NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,9})?([eE][-+]?[0-9]{1,2})?", fullmatch=True
)
SCALARS = st.sampled_from(["true", "false", "null"]) | NUMBERS | STRINGS
HARMFUL = st.sampled_from([*"[]{}:,\"'\\u0eE+-.x/ \n\t\0\x7f\ufeff\ud800", "NaN"])


def spaced(text: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(BLANKS, text, BLANKS).map("".join)


def arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    items = st.lists(spaced(values), min_size=1, max_size=4).map(",".join)
    return (items | BLANKS).map(lambda inner: f"[{inner}]")


def objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    keys = spaced(STRINGS)
    pairs = st.lists(
        st.tuples(keys, spaced(values)),
        min_size=1,
        max_size=4,
        unique_by=lambda pair: str(json.loads(pair[0])),
    )
    members = pairs.map(lambda pairs: ",".join(":".join(pair) for pair in pairs))
    return (members | BLANKS).map(lambda inner: f"{{{inner}}}")


VALUES = st.recursive(
    SCALARS, lambda inner: arrays(inner) | objects(inner), max_leaves=12
)
TEXTS = spaced(VALUES)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = draw(TEXTS)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        stop = min(start + draw(st.integers(0, 2)), len(text))
        text = text[:start] + draw(HARMFUL | st.just("") | VALUES) + text[stop:]
    return text


def values_in(value: JSON, path: Path = ()) -> Iterator[tuple[Path, JSON]]:
    yield path, value
    if isinstance(value, dict):
        for key, member in value.items():
            yield from values_in(member, (*path, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from values_in(member, (*path, index))


def refused_besides(text: str) -> set[Code]:
    """Tell what we refuse in a text that json.loads accepts."""
    codes: set[Code] = set()

    def members(pairs: list[tuple[str, JSON]]) -> JSON:
        if len(dict(pairs)) < len(pairs):
            codes.add(Code.DUPLICATE_KEY)
        return [[key, value] for key, value in pairs]  # doubles and all

    def constant(_: str) -> JSON:
        codes.add(Code.NOT_A_NUMBER)
        return None

    parsed = json.loads(text, object_pairs_hook=members, parse_constant=constant)
    for _, value in values_in(parsed):
        if isinstance(value, float) and isinf(value):
            codes.add(Code.NUMBER_TOO_LARGE)
        if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
            codes.add(Code.LONE_SURROGATE)
    return codes


def read(text: str) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    return read_text(Source("w.json", text))


def value_of(text: str) -> JSON:
    document, diagnostics = read(text)
    assert not diagnostics
    assert document is not None
    return document.value


def said(diagnostics: tuple[Diagnostic, ...]) -> list[tuple[object, ...]]:
    return [
        (one.code.name, one.line, one.column, one.message, one.hint)
        for one in diagnostics
    ]


@given(TEXTS)
@example("[1, 1.0, true, -0.0, 1e5, -0]")
def test_a_valid_text_gives_what_json_gives(text: str) -> None:
    value = value_of(text)

    assert value == json.loads(text)
    assert repr(value) == repr(json.loads(text))  # which tells 1, 1.0 and True apart


@settings(max_examples=scaled(500))
@given(mutated())
@example('{"a":1,"\\u0061":2}')
@example("[NaN]]")
@example("[1e999,-Infinity]")
@example('"\\ud800\\\\ud800\ud800"')
@example("trueNaN")
@example("\ufeff{}")
def test_a_text_is_read_if_and_only_if_json_accepts_it(text: str) -> None:
    document, diagnostics = read(text)

    try:
        expected = refused_besides(text)
    except json.JSONDecodeError:
        expected = {Code.INVALID_JSON}
        assert len(diagnostics) == 1
    assert {one.code for one in diagnostics} == expected
    assert (document is None) == bool(expected)
    for one in diagnostics:
        assert one.line is not None
        assert one.column is not None
        line = Source("w.json", text).line(one.line)
        assert 1 <= one.column <= len(line) + 1
    positions = [(one.line, one.column) for one in diagnostics]
    assert positions == sorted(positions)


@given(TEXTS, st.data())
def test_the_span_of_any_characters_decodes_to_them(
    text: str, data: st.DataObject
) -> None:
    document, _ = read(text)
    assert document is not None
    places = list(values_in(document.value))
    path, value = data.draw(st.sampled_from(places))
    here = Location(path)

    span = document.span(here)
    assert span is not None
    assert json.loads(text[span.start : span.stop]) == value
    assert text[span.start : span.stop].strip() == text[span.start : span.stop]

    if path and isinstance(path[-1], str):
        key = document.span(Location(path, "key"))
        assert key is not None
        assert json.loads(text[key.start : key.stop]) == path[-1]

    if isinstance(value, str):
        start = data.draw(st.integers(0, len(value)))
        stop = data.draw(st.integers(start, len(value)))
        part = document.span(here.slice(start, stop))
        assert part is not None
        raw = text[part.start : part.stop]
        assert json.loads(f'"{raw}"') == value[start:stop]


@given(TEXTS)
def test_a_value_given_as_an_object_is_copied_as_it_is(text: str) -> None:
    value = json.loads(text)

    document, diagnostics = read_object(value)

    assert not diagnostics
    assert document is not None
    assert document.source is None
    assert repr(document.value) == repr(value)


def test_diagnostics_of_a_text_are_in_our_own_words() -> None:
    text = '{\n "a": NaN,\n "a": [1e400, "\\uD83D"],\n "b": ' + "1" * 4301 + "\n}"

    document, diagnostics = read(text)

    assert document is None
    assert said(diagnostics) == [
        (
            "NOT_A_NUMBER",
            2,
            7,
            "NaN is not valid JSON",
            "use null or a string, or leave the key out",
        ),
        (
            "DUPLICATE_KEY",
            3,
            2,
            'the key "a" is given twice',
            "remove one of the two",
        ),
        (
            "NUMBER_TOO_LARGE",
            3,
            8,
            "1e400 is too large for a number",
            "write it as a string",
        ),
        (
            "LONE_SURROGATE",
            3,
            16,
            r"\ud83d is an unpaired surrogate",
            "write the surrogate pair, or the character itself",
        ),
        (
            "NUMBER_TOO_LARGE",
            4,
            7,
            "1" * 39 + "… is too large for a number",
            "write it as a string",
        ),
    ]
    assert [one.location for one in diagnostics] == [
        Location(("a",)),
        Location(("a",), "key"),
        Location(("a", 0)),
        Location(("a", 1)).slice(0, 1),
        Location(("b",)),
    ]


def test_a_mistake_of_syntax_has_its_place() -> None:
    _, diagnostics = read('{\n  "nodes": [],\n}\n')

    assert said(diagnostics) == [
        ("INVALID_JSON", 2, 14, "a ',' before '}'", "remove it")
    ]


def test_a_message_holds_a_key_only_in_part_and_printable() -> None:
    _, diagnostics = read(r'{"\ud800\u001b": 1, "\ud800\u001b": 2}')

    assert diagnostics[1].message == r'the key "\ud800\u001b" is given twice'
    for one in diagnostics:
        assert one.message.isprintable()

    long = "k" * 999
    _, (one,) = read(f'{{"{long}": 1, "{long}": 2}}')
    assert len(one.message) < 120


@pytest.mark.parametrize("depth", [101, 100_000, 1_000_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"":', "}")])
def test_too_deep_is_a_clean_error(opening: str, closing: str, depth: int) -> None:
    column = len(opening) * 100 + 1
    for text in (opening * depth + "1" + closing * depth, opening * depth):
        document, diagnostics = read(text)

        assert document is None
        assert said(diagnostics) == [
            (
                "NESTED_TOO_DEEP",
                1,
                column,
                "more than 100 levels of arrays and objects",
                "",
            )
        ]


def test_brackets_that_do_not_nest_too_deep_are_no_error() -> None:
    assert value_of("[" * 100 + "]" * 100)
    assert value_of("[" + ",".join(["[]"] * 500) + "]")
    assert value_of(json.dumps(["[" * 500, '\\"' + "{" * 500])) is not None


@pytest.mark.parametrize(
    "text", ['["' + "[" * 101, "['" + "[" * 101, "[1 " + "[" * 101, '["\\' + "[" * 101]
)
def test_brackets_after_a_mistake_of_syntax_do_not_count(text: str) -> None:
    _, diagnostics = read(text)

    assert [one.code for one in diagnostics] == [Code.INVALID_JSON]


@pytest.mark.parametrize(
    "text",
    [
        '"' + '\\"' * 200_000,
        '["' * 200_000,
        "\\" * 200_000,
        "-" * 200_000,
        '"' + "\\ud83d\\ude00" * 200_000 + "\\",
        " " * 200_000,
        "[" * 100 + "1 " * 200_000,
        "1" * 200_000 + "x",
        '{"a":' + "'" * 200_000,
    ],
    ids=range(9),
)
def test_hostile_texts_are_refused(text: str) -> None:
    document, diagnostics = read(text)

    assert document is None
    assert [one.code for one in diagnostics] == [Code.INVALID_JSON]


def test_pairs_of_surrogates_are_characters() -> None:
    assert value_of(r'["\ud83d\ude00", "\\ud800", "😀"]') == ["😀", r"\ud800", "😀"]


def test_numbers_of_any_size_that_python_reads() -> None:
    assert value_of("9" * 4300) == 10**4300 - 1
    assert value_of("-" + "9" * 4300) == 1 - 10**4300
    assert value_of("1e-999") == 0.0
    assert value_of("1.7976931348623157e308") == sys.float_info.max


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_bytes_are_utf_8_with_a_mark_or_without(mark: bytes) -> None:
    raw = '{"é": "漢"}'.encode()

    source, document, diagnostics = read_bytes("w.json", mark + raw)

    assert source == Source("w.json", '{"é": "漢"}')
    assert document == Document({"é": "漢"}, source)
    assert diagnostics == ()


@pytest.mark.parametrize(
    ("raw", "text", "line", "column", "message"),
    [
        (
            b'{\n "caf\xe9": 1}',
            '{\n "caf�": 1}',
            2,
            6,
            "the byte 0xE9 is not UTF-8",
        ),
        (
            b'\xef\xbb\xbf"\xe6\xbc\xa2\xff"',
            '"漢�"',
            1,
            3,
            "the byte 0xFF is not UTF-8",
        ),
        (b'"\xed\xa0\x80"', '"���"', 1, 2, "the byte 0xED is not UTF-8"),
        (b'"\xe6\xbc', '"�', 1, 2, "the byte 0xE6 is not UTF-8"),
        ("{}".encode("utf-16"), "{}", 1, 1, "the text is UTF-16, not UTF-8"),
        (b"\xfe\xff\0{\0}", "{}", 1, 1, "the text is UTF-16, not UTF-8"),
        ("{}".encode("utf-32"), "{}", 1, 1, "the text is UTF-32, not UTF-8"),
        (b"\0\0\xfe\xff\0\0\0{", "{", 1, 1, "the text is UTF-32, not UTF-8"),
    ],
)
def test_other_bytes_are_refused_at_the_first_that_is_wrong(
    raw: bytes, text: str, line: int, column: int, message: str
) -> None:
    source, document, diagnostics = read_bytes("w.json", raw)

    assert document is None
    assert source.text == text
    hint = "save the file as UTF-8"
    assert said(diagnostics) == [("NOT_UTF_8", line, column, message, hint)]


def test_bytes_that_are_text_but_no_json() -> None:
    source, document, diagnostics = read_bytes("w.json", b"{")

    assert document is None
    assert (source.text, len(diagnostics)) == ("{", 1)


@given(st.binary(max_size=30))
def test_no_bytes_are_a_bug(raw: bytes) -> None:
    _, document, diagnostics = read_bytes("w.json", raw)

    assert (document is None) == bool(diagnostics)


class Colour(StrEnum):
    RED = "red"


class OldColour(str, Enum):  # noqa: UP042 - as people wrote it before StrEnum
    RED = "red"


class Size(IntEnum):
    LARGE = 3


class Text(str):
    __slots__ = ()


class Celsius(float):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Colour.RED, "red"),
        (OldColour.RED, "red"),
        (Text("a"), "a"),
        (Size.LARGE, 3),
        (Celsius(1.5), 1.5),
        (True, True),
        (None, None),
        ((1, (2,)), [1, [2]]),
        (deque([1]), [1]),
        (UserList([1]), [1]),
        (range(2), [0, 1]),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (MappingProxyType({Colour.RED: 1}), {"red": 1}),
        ({OldColour.RED: {}}, {"red": {}}),
    ],
)
def test_what_is_as_good_as_json_is_made_plain(value: object, plain: JSON) -> None:
    document, diagnostics = read_object(value)

    assert not diagnostics
    assert document is not None
    assert repr(document.value) == repr(plain)
    assert all(
        type(each) in (bool, int, float, str, list, dict, type(None))
        for _, each in values_in(document.value)
    )


def test_a_copy_shares_nothing_with_what_was_given() -> None:
    given_object: dict[str, list[object]] = {"a": [1, {"b": []}]}

    document, _ = read_object(given_object)
    given_object["a"].append(2)

    assert document == Document({"a": [1, {"b": []}]})


def test_a_value_that_stands_twice_is_no_cycle() -> None:
    shared = ["x"]

    document, _ = read_object([shared, shared, [shared]])

    assert document == Document([["x"], ["x"], [["x"]]])


PLAIN = "give it as a dict, list, str, int, float, bool or None"
FINITE = "use null or a string, or leave the key out"
HALVES = "write the surrogate pair, or the character itself"


@pytest.mark.parametrize(
    ("value", "location", "code", "message", "hint"),
    [
        ({1, 2}, Location(), Code.NOT_JSON, "set is not a JSON value", PLAIN),
        (b"a", Location(), Code.NOT_JSON, "bytes is not a JSON value", PLAIN),
        (
            memoryview(b"a"),
            Location(),
            Code.NOT_JSON,
            "memoryview is not a JSON value",
            PLAIN,
        ),
        (
            {"a": [date.min]},
            Location(("a", 0)),
            Code.NOT_JSON,
            "datetime.date is not a JSON value",
            PLAIN,
        ),
        (
            {"a": {1: 2}},
            Location(("a",)),
            Code.NOT_JSON,
            "the key 1 is not a string",
            "JSON keys must be strings",
        ),
        (
            {"a": {"b" * 50: 1, ("k" * 50,): 2}},
            Location(("a",)),
            Code.NOT_JSON,
            f"the key ('{'k' * 37}… is not a string",
            "JSON keys must be strings",
        ),
        (
            [float("-inf")],
            Location((0,)),
            Code.NOT_A_NUMBER,
            "-Infinity is not valid JSON",
            FINITE,
        ),
        (
            [float("nan")],
            Location((0,)),
            Code.NOT_A_NUMBER,
            "NaN is not valid JSON",
            FINITE,
        ),
        pytest.param(
            -(10**4300),
            Location(),
            Code.NUMBER_TOO_LARGE,
            "an int of more than 4300 digits is too large for a number",
            "write it as a string",
            id="long int",
        ),
        (
            {"a": "x\ud83d"},
            Location(("a",)).slice(1, 2),
            Code.LONE_SURROGATE,
            r"\ud83d is an unpaired surrogate",
            HALVES,
        ),
        (
            {"\udfff": 1},
            Location(("\udfff",), "key").slice(0, 1),
            Code.LONE_SURROGATE,
            r"\udfff is an unpaired surrogate",
            HALVES,
        ),
    ],
)
def test_what_is_no_json_is_refused(
    value: object, location: Location, code: Code, message: str, hint: str
) -> None:
    document, diagnostics = read_object({"it": value})

    assert document is None
    assert [(one.code, one.message, one.hint) for one in diagnostics] == [
        (code, message, hint)
    ]
    where = Location(("it", *location.path), location.part, location.characters)
    assert diagnostics[0].location == where
    assert (diagnostics[0].line, diagnostics[0].column) == (None, None)


def test_all_that_is_no_json_is_found_in_one_run() -> None:
    _, diagnostics = read_object({"a": {1}, "b": [float("nan")], 3: 1})

    assert [(one.code, one.path) for one in diagnostics] == [
        (Code.NOT_JSON, ("a",)),
        (Code.NOT_A_NUMBER, ("b", 0)),
        (Code.NOT_JSON, ()),
    ]


def test_a_cycle_is_refused_where_it_closes() -> None:
    nodes: list[object] = []
    workflow: Mapping[str, object] = {"nodes": nodes}
    nodes.append({"params": workflow})

    _, (one,) = read_object(workflow)

    assert (one.code, one.path) == (Code.NOT_JSON, ("nodes", 0, "params"))
    assert one.message == "a dict that contains itself"


def test_an_object_may_nest_as_deep_as_a_text() -> None:
    value: list[object] = []
    for _ in range(99):
        value = [value]

    assert read_object(value)[0] is not None

    for _ in range(100_000):
        value = [value]
    document, (one,) = read_object(value)
    assert document is None
    assert (one.code, one.path) == (Code.NESTED_TOO_DEEP, (0,) * 100)
    while value and isinstance(value[0], list):  # or Python frees it by recursion
        value = value[0]


@given(st.text(st.characters(codec=None), max_size=5))
@example("\ud83d\ude00")
@example("\ud800")
def test_a_string_is_refused_if_and_only_if_utf_8_cannot_hold_it(text: str) -> None:
    fits = not any("\ud800" <= char <= "\udfff" for char in text)

    assert (read_object([text])[0] is not None) == fits
    assert (read(json.dumps([text], ensure_ascii=False))[0] is not None) == fits
