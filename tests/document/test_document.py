import pytest

from pflow_lower.diagnostics import Code, Diagnostic, Related, report
from pflow_lower.document.document import Document, place
from pflow_lower.source.positions import JSON, Location, Source, Span

TEXT = r"""{
  "nodes": [
    {"id": "a\n\ud83d\ude00${x}", "k\u00e9y": [1, 2]}
  ]
}"""
VALUE: JSON = {"nodes": [{"id": "a\n😀${x}", "kéy": [1, 2]}]}
DOCUMENT = Document(VALUE, Source("w.json", TEXT))
ROOT = Location()
NODE = ROOT.at("nodes", 0)


@pytest.mark.parametrize(
    ("location", "raw"),
    [
        (ROOT, TEXT),
        (NODE.at("id"), r'"a\n\ud83d\ude00${x}"'),
        (NODE.key("id"), '"id"'),
        (NODE.at("kéy"), "[1, 2]"),
        (NODE.key("kéy"), r'"k\u00e9y"'),
        (NODE.at("kéy", 1), "2"),
        (NODE.at("id").slice(0, 1), "a"),
        (NODE.at("id").slice(1, 2), r"\n"),
        (NODE.at("id").slice(2, 3), r"\ud83d\ude00"),
        (NODE.at("id").slice(2, 5), r"\ud83d\ude00${"),
        (NODE.at("id").slice(4, 4), ""),
        (NODE.at("id").slice(6, 99), "}"),
        (NODE.key("kéy").slice(1, 2), r"\u00e9"),
    ],
)
def test_a_location_has_its_span(location: Location, raw: str) -> None:
    span = DOCUMENT.span(location)

    assert span is not None
    assert TEXT[span.start : span.stop] == raw


@pytest.mark.parametrize(
    ("location", "instead"),
    [
        (ROOT.at("edges"), ROOT),
        (NODE.at("params", "prompt"), NODE),
        (NODE.key("params"), NODE),
        (ROOT.at("nodes", 7), ROOT.at("nodes")),
        (ROOT.at("nodes", "0"), ROOT.at("nodes")),
        (NODE.at("id", 0), NODE.at("id")),
        (Location((), "key"), ROOT),
        (Location(("nodes", 0), "key"), NODE),
        (NODE.at("kéy").slice(1, 2), NODE.at("kéy")),
    ],
)
def test_where_nothing_stands_it_is_the_nearest_value(
    location: Location, instead: Location
) -> None:
    assert DOCUMENT.span(location) == DOCUMENT.span(instead)


def test_without_a_text_there_are_no_spans() -> None:
    assert Document(VALUE).span(ROOT) is None


def test_a_text_that_is_no_json_has_no_spans() -> None:
    assert Document(None, Source("w.json", "{")).span(ROOT) is None


def mistake(location: Location, message: str = "wrong") -> Diagnostic:
    return report(Code.WRONG_TYPE, location, message)


def test_diagnostics_get_lines_and_come_in_the_order_of_the_text() -> None:
    placed = place(
        [
            mistake(NODE.at("kéy", 1)),
            mistake(NODE.at("id").slice(3, 7), "later"),
            mistake(NODE.at("id").slice(2, 3)),
            mistake(ROOT.at("edges")),
        ],
        DOCUMENT,
    )

    assert [(one.line, one.column, one.message) for one in placed] == [
        (1, 1, "wrong"),
        (3, 16, "wrong"),
        (3, 28, "later"),
        (3, 51, "wrong"),
    ]


def test_second_places_get_lines_too() -> None:
    there = Related(NODE.key("id"), "here")
    one = report(Code.DUPLICATE_ID, NODE.at("kéy"), "twice", related=(there,))

    (placed,) = place([one], DOCUMENT)
    (unplaced,) = place([one], Document(VALUE))

    assert placed.related == (Related(NODE.key("id"), "here", 3, 6),)
    assert placed.related[0].path == ("nodes", 0, "id")
    assert unplaced == one


def test_without_a_text_they_come_in_the_order_of_the_document() -> None:
    in_order = [
        mistake(ROOT),
        mistake(ROOT.at("edges")),
        mistake(NODE),
        mistake(NODE.key("id")),
        mistake(NODE.at("id").slice(2, 3)),
        mistake(NODE.at("id").slice(3, 7)),
        mistake(NODE.key("kéy")),
        mistake(NODE.at("kéy", 1)),
    ]

    placed = place([in_order[0], *reversed(in_order[2:]), in_order[1]], Document(VALUE))

    assert list(placed) == in_order
    assert {(one.line, one.column) for one in placed} == {(None, None)}


def test_a_text_and_its_value_give_the_same_order() -> None:
    mistakes = [
        mistake(NODE.at("kéy", 1)),
        mistake(NODE.key("kéy")),
        mistake(NODE.at("id").slice(2, 3)),
        mistake(ROOT.at("nodes")),
    ]

    placed = place(mistakes, DOCUMENT)

    assert [one.location for one in placed] == [
        one.location for one in place(mistakes, Document(VALUE))
    ]


def test_exact_doubles_are_dropped_and_nothing_else() -> None:
    one, other = mistake(NODE), mistake(NODE, "also")

    for origin in (DOCUMENT, Document(VALUE), DOCUMENT.source, None):
        assert [each.message for each in place([one, other, one], origin)] == [
            "wrong",
            "also",
        ]


def test_a_line_that_is_there_stays() -> None:
    ready = Diagnostic(
        code=Code.DUPLICATE_KEY,
        severity=Code.DUPLICATE_KEY.severity,
        message="twice",
        location=NODE.key("id"),
        line=2,
        column=5,
    )

    assert place([ready], DOCUMENT) == (ready,)
    assert place([mistake(NODE), ready], DOCUMENT)[0] == ready


def test_spans_count_characters_and_not_bytes() -> None:
    document = Document(["漢字", 1], Source("w.json", '["漢字", 1]'))

    assert document.span(ROOT.at(1)) == Span(7, 8)
