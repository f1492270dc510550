import pytest
from hypothesis import given
from hypothesis import strategies as st

from pflow_lower.source.positions import Location, Position, Source, Span


@pytest.mark.parametrize(
    ("offset", "position"),
    [
        (0, Position(1, 1)),
        (2, Position(1, 3)),
        (3, Position(2, 1)),
        (5, Position(2, 3)),
        (6, Position(2, 4)),
        (7, Position(3, 1)),
        (8, Position(4, 1)),
        (9, Position(4, 2)),
    ],
)
def test_positions_count_lines_and_characters_from_one(
    offset: int, position: Position
) -> None:
    assert Source("w.json", "ab\n漢d\r\n\re").position(offset) == position


def test_lines_come_without_their_break() -> None:
    source = Source("w.json", "ab\n漢d\r\n\re\n")

    assert [source.line(number) for number in range(1, 6)] == ["ab", "漢d", "", "e", ""]


def test_a_line_separator_of_unicode_breaks_no_line() -> None:
    assert Source("w.json", "a\u2028b").line(1) == "a\u2028b"


def test_an_empty_text_has_one_line() -> None:
    source = Source("w.json", "")

    assert source.position(0) == Position(1, 1)
    assert source.line(1) == ""


@given(st.text("a漢\n\r", max_size=20), st.data())
def test_a_position_leads_back_to_its_character(text: str, data: st.DataObject) -> None:
    source = Source("w.json", text)
    offset = data.draw(st.integers(0, len(text)))

    position = source.position(offset)
    line = source.line(position.line)

    assert line.splitlines() in ([line], [])
    assert 1 <= position.column <= len(line) + 2
    if position.column <= len(line):
        assert line[position.column - 1] == text[offset]
    else:
        assert text[offset : offset + 1] in ("", "\n", "\r")


def test_a_text_is_not_part_of_what_a_source_shows_of_itself() -> None:
    assert repr(Source("w.json", "{}")) == "Source(name='w.json')"


def test_locations_are_built_from_the_one_above() -> None:
    node = Location().at("nodes", 0)

    assert node == Location(("nodes", 0))
    assert node.key("id") == Location(("nodes", 0, "id"), "key")
    assert node.at("id").slice(2, 5) == Location(
        ("nodes", 0, "id"), "value", Span(2, 5)
    )
    assert node.key("id").slice(0, 1).part == "key"
