import json

import pytest

from pflow_lower.document.tokens import (
    JSONSyntaxError,
    advice,
    is_too_large,
    key_advice,
    lone_surrogates,
    number_end,
    string_end,
    string_offsets,
    word_advice,
    word_end,
)

BACKSLASH = r"write \\ for a \ inside a string"
LINE_BREAK = r'close the string with ", or write the line break as \n'


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ('""', 2),
        ('"a", "b"', 3),
        (r'"\"" ', 4),
        (r'"\\" ', 4),
        (r'"\" \\\" \/\b\f\n\r\t" ', 22),
        (r'"\u00e9\\u12" ', 13),
        ('"\x7f\u2028漢"', 5),
    ],
)
def test_a_string_ends_with_its_quote(text: str, end: int) -> None:
    assert string_end(text, 0) == end
    assert isinstance(json.loads(text[:end]), str)


@pytest.mark.parametrize(
    ("text", "offset", "message", "hint"),
    [
        ('"ab', 0, "a string that is not closed", 'write a " where it ends'),
        ('"ab\\', 0, "a string that is not closed", 'write a " where it ends'),
        (r'"ab\"', 0, "a string that is not closed", 'write a " where it ends'),
        ('"ab\ncd"', 3, "a line break inside a string", LINE_BREAK),
        ('"ab\r\n"', 3, "a line break inside a string", LINE_BREAK),
        ('"\tab"', 1, "a tab inside a string", r"write it as \t"),
        (
            '"ab\x1b"',
            3,
            "the control character U+001B inside a string",
            r"write it as \u001B",
        ),
        (r'"C:\dir"', 3, r"'\d' is not a valid escape in JSON", BACKSLASH),
        (r'"\x41"', 1, r"'\x' is not a valid escape in JSON", BACKSLASH),
        (r'"it\'s"', 3, r"'\'' is not a valid escape in JSON", "write ' alone"),
        ('"a\\\nb"', 2, r"'\U+000A' is not a valid escape in JSON", BACKSLASH),
        (r'"\u12"', 1, r"'\u' without four hexadecimal digits", BACKSLASH),
        (r'"\n\\\u12g4"', 5, r"'\u' without four hexadecimal digits", BACKSLASH),
        (r'"\users\q"', 1, r"'\u' without four hexadecimal digits", BACKSLASH),
        (r'"\q\users"', 1, r"'\q' is not a valid escape in JSON", BACKSLASH),
    ],
)
def test_a_malformed_string_says_where_and_why(
    text: str, offset: int, message: str, hint: str
) -> None:
    with pytest.raises(JSONSyntaxError) as caught:
        string_end(f"[{text}", 1)

    error = caught.value
    assert (error.offset - 1, error.message, error.hint) == (offset, message, hint)
    assert str(error) == message


@pytest.mark.parametrize(
    "number", ["0", "-0", "7", "-12", "1.0", "0.50", "1e5", "1E+5", "-1.5e-10"]
)
def test_a_number_ends_where_it_ends(number: str) -> None:
    assert number_end(f"{number}, 2", 0) == len(number)
    assert isinstance(json.loads(number), int | float)


@pytest.mark.parametrize("text", ["", "a", '"1"', "-", "--1", "-a", "...", ".", "٣"])
def test_not_every_sign_begins_a_number(text: str) -> None:
    assert number_end(text, 0) == 0


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("01", "a number with a leading zero", "leave it out, or write a string"),
        ("-007", "a number with a leading zero", "leave it out, or write a string"),
        (".5", "a number that begins with '.'", "write a 0 before it"),
        ("-.5", "a number that begins with '.'", "write a 0 before it"),
        ("+1", "a number with a '+'", "leave it out"),
        (
            "1.",
            "a number that ends in '.'",
            "write a digit after it, or leave it out",
        ),
        ("1e", "1e is not a valid number", "write it in double quotes"),
        ("0x1F", "0x1F is not a valid number", "write it in double quotes"),
        ("1_000", "1_000 is not a valid number", "write it in double quotes"),
        ("2024-01-31", "2024-01-31 is not a valid number", "write it in double quotes"),
        ("1.2.3", "1.2.3 is not a valid number", "write it in double quotes"),
        (
            "1" * 99 + "x",
            "1" * 39 + "… is not a valid number",
            "write it in double quotes",
        ),
    ],
)
def test_a_malformed_number_says_why(text: str, message: str, hint: str) -> None:
    with pytest.raises(JSONSyntaxError) as caught:
        number_end(f"[{text}]", 1)

    error = caught.value
    assert (error.offset, error.message, error.hint) == (1, message, hint)


@pytest.mark.parametrize(
    ("text", "end"),
    [("true,", 4), ("-Infinity]", 9), ("a-b$c d", 5), ("$schema:", 7), ("5a", 0)],
)
def test_a_word_ends_where_it_ends(text: str, end: int) -> None:
    assert word_end(text, 0) == end


@pytest.mark.parametrize(
    ("number", "too_large"),
    [
        ("1e308", False),
        ("-1e308", False),
        ("1e309", True),
        ("-1e309", True),
        ("1e-999", False),
        pytest.param("9" * 4300, False, id="long"),
        pytest.param("-" + "9" * 4300, False, id="-long"),
        pytest.param("9" * 4301, True, id="longer"),
        pytest.param("-" + "9" * 4301, True, id="-longer"),
        pytest.param("0." + "9" * 9999, False, id="fraction"),
        pytest.param("1" + "0" * 400 + ".0", True, id="whole"),
    ],
)
def test_a_number_is_too_large_where_no_int_or_float_holds_it(
    number: str, *, too_large: bool
) -> None:
    assert is_too_large(number) is too_large


@pytest.mark.parametrize(
    ("token", "raw"),
    [
        ('""', [1]),
        ('"abc"', [1, 2, 3, 4]),
        (r'"a\nb"', [1, 2, 4, 5]),
        (r'"\u00e9\\"', [1, 7, 9]),
        (r'"\ud83d\ude00b"', [1, 13, 14]),
        (r'"\\ud83d"', [1, 3, 4, 5, 6, 7, 8]),
        ('"😀b"', [1, 2, 3]),
    ],
)
def test_each_character_of_a_string_has_its_place(token: str, raw: list[int]) -> None:
    offsets = string_offsets(token, 0, len(token))

    assert [offsets.raw_offset(at) for at in range(len(raw))] == raw
    assert len(json.loads(token)) == len(raw) - 1


def test_what_lies_beyond_a_string_is_at_its_ends() -> None:
    offsets = string_offsets('["ab"]', 1, 5)

    assert (offsets.raw_offset(-1), offsets.raw_offset(99)) == (2, 4)


@pytest.mark.parametrize(
    ("token", "found"),
    [
        (r'"\ud83d\ude00 \\ud800 \u00e9"', []),
        (r'"a\ud800"', [(1, 2, r"\ud800")]),
        (r'"\uD83D\uD83D\uDE00"', [(0, 1, r"\ud83d")]),
        (r'"\ude00\ud83d"', [(0, 1, r"\ude00"), (1, 7, r"\ud83d")]),
        (r'"\\\udfff"', [(1, 3, r"\udfff")]),
        ('"\ud83d\\ude00"', [(0, 1, r"\ud83d"), (1, 2, r"\ude00")]),
        ('"ab\ud83d\ude00"', [(2, 3, r"\ud83d"), (3, 4, r"\ude00")]),
    ],
)
def test_halves_of_characters_are_found(
    token: str, found: list[tuple[int, int, str]]
) -> None:
    assert list(lone_surrogates(token, 0, len(token))) == found
    halves = [char for char in json.loads(token) if "\ud800" <= char <= "\udfff"]
    assert len(halves) == len(found)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("// x", "JSON has no comments; a key that begins with '_' can hold the text"),
        ("/* x", "JSON has no comments; a key that begins with '_' can hold the text"),
        ("# x", "JSON has no comments; a key that begins with '_' can hold the text"),
        ("'a'", "write \" instead of '"),
        ("“a”", 'write " instead of “'),
        ("\0", "the text may be UTF-16: save it as UTF-8"),
        ("\xa0", "remove the invisible character U+00A0"),
        ("\ufeff", "remove the invisible character U+FEFF"),
        ("/", ""),
        ("=", ""),
    ],
)
def test_advice_for_what_can_stand_nowhere(text: str, hint: str) -> None:
    assert advice(text, 0) == hint


def test_advice_for_a_quote_inside_a_string() -> None:
    assert advice('"say "hi""', 6) == r'write \" for a " inside a string'


@pytest.mark.parametrize(
    ("word", "value_hint", "key_hint"),
    [
        ("True", "write true", "write it in double quotes"),
        ("None", "write null", "write it in double quotes"),
        ("undefined", "write null", "write it in double quotes"),
        ("llm", "write it in double quotes", "write it in double quotes"),
        ("}", "", ""),
    ],
)
def test_advice_for_words(word: str, value_hint: str, key_hint: str) -> None:
    assert word_advice(word, 0) == value_hint
    assert key_advice(word, 0) == key_hint
