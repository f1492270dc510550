"""Where the names of templates find their values: the rules and the messages."""

import json
import logging
from collections import OrderedDict, UserDict, UserList, defaultdict, deque
from fractions import Fraction
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from pflow_lower.runtime import (
    InvalidIndexError,
    MissingReferenceError,
    RunError,
    Scope,
    concat,
    decoded,
)

STORE: dict[str, Any] = {
    "a": {"b": [10, {"c": None}], "i": 1, "yes": True, "": {"x": 1}},
    "text": "plain",
    "sh": {"stdout": ' {"user": {"name": "Zo\\u00eb", "tags": "[1, [2]]"}}\n'},
    "rows": ({"id": 7}, {"id": 8}),
    "null": None,
    "i": 1,
    "minus": -1,
    "half": 1.0,
    "digits": "1",
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("text",), "plain"),
        (("null",), None),
        (("a", "b", 0), 10),
        (("a", "", "x"), 1),
        (("a", "b", ("i",), "c"), None),
        (("a", "b", ("a", "i")), {"c": None}),
        (("rows", ("a", "i"), "id"), 8),
        (("rows", ("a", "b", ("missing",)), "id"), MissingReferenceError),
        (("rows", ("rows", 0, "id")), MissingReferenceError),
        (("rows", ("minus",)), MissingReferenceError),
        (("rows", ("yes",)), MissingReferenceError),
        (("rows", ("a", "yes")), InvalidIndexError),
        (("rows", ("half",)), InvalidIndexError),
        (("rows", ("digits",)), InvalidIndexError),
        (("rows", ("null",)), InvalidIndexError),
        (("sh", "stdout", "user", "name"), "Zoë"),
        (("sh", "stdout", "user", "tags", 1, 0), 2),
        (("sh", "stdout", "user", "tags"), "[1, [2]]"),
        (("sh", "stdout", 0), MissingReferenceError),
        (("text", 0), MissingReferenceError),
    ],
)
def test_a_path_leads_to_a_value_or_is_missing(
    path: tuple[Any, ...], value: Any
) -> None:
    scope = Scope(STORE)
    if isinstance(value, type):
        with pytest.raises(value):
            scope.lookup(*path)
    else:
        assert scope.lookup(*path) == value


MESSAGES = [
    (("gone",), '${gone} is missing: there is no "gone", only s, n, o, l, e'),
    (("o", "gone"), '${o.gone} is missing: "o" has no "gone", only a, b-c'),
    (("o", "a", "x"), '${o.a.x} is missing: "o.a" is null, it has no "x"'),
    (("o", 0), '${o[0]} is missing: "o" is an object, it has no indexes'),
    (("l", "x"), '${l.x} is missing: "l" is an array, it has no "x"'),
    (("l", 2), '${l[2]} is missing: "l" has 2 elements, no such index'),
    (("l", ("n",)), '${l[${n}]} is missing: "l" has 2 elements, no such index'),
    (
        ("l", 1, ("n",), "x"),
        '${l[1][${n}].x} is missing: "l[1]" has 0 elements, no such index',
    ),
    (
        ("l", ("o", "gone"), 0),
        '${l[${o.gone}][0]} is missing: "o" has no "gone", only a, b-c',
    ),
    (("s", "x"), '${s.x} is missing: "s" is a string, it has no "x"'),
    (("s", 0), '${s[0]} is missing: "s" is a string, it has no indexes'),
    (("n", "x"), '${n.x} is missing: "n" is a number, it has no "x"'),
    (("e", "x"), '${e.x} is missing: "e" has no "x", only nothing'),
]


@pytest.mark.parametrize(("path", "message"), MESSAGES)
def test_what_is_said_of_a_missing_reference(
    path: tuple[Any, ...], message: str
) -> None:
    store = {"s": "x", "n": 9, "o": {"a": None, "b-c": 1}, "l": [0, []], "e": {}}
    with pytest.raises(MissingReferenceError) as raised:
        Scope(store).lookup(*path)

    assert str(raised.value) == message
    assert isinstance(raised.value, RunError | LookupError)


def test_the_names_that_are_there_are_said_up_to_twenty() -> None:
    store = {f"n{number}": number for number in range(21)}
    with pytest.raises(MissingReferenceError) as raised:
        Scope(store, {"item": 1}).lookup("n99")

    names = ", ".join(list(store)[:20])
    assert str(raised.value) == (
        f'${{n99}} is missing: there is no "n99", only {names}, …'
    )


def test_the_names_of_an_item_count_too() -> None:
    with pytest.raises(MissingReferenceError) as raised:
        Scope({"a": 1}, {"item": 1, "__index__": 0}).lookup("itme")

    assert str(raised.value) == (
        '${itme} is missing: there is no "itme", only a, item, __index__'
    )


def test_nothing_is_there_at_all() -> None:
    with pytest.raises(MissingReferenceError) as raised:
        Scope({}).lookup("a")

    assert str(raised.value) == '${a} is missing: there is no "a", only nothing'


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("1", "a string"),
        (1.0, "a number"),
        (True, "a boolean"),
        (None, "null"),
        ([], "an array"),
        ({}, "an object"),
        (b"", "a bytes"),
    ],
)
def test_what_is_said_of_an_index_that_is_no_int(value: Any, found: str) -> None:
    scope = Scope({"l": [0], "x": {"i": value}})
    with pytest.raises(InvalidIndexError) as raised:
        scope.coalesce(("l", ("x", "i")), default=5)

    assert str(raised.value) == (f"${{x.i}} must be an int to be an index, not {found}")


@pytest.mark.parametrize(
    ("paths", "default", "value"),
    [
        ((("text",),), {"default": "d"}, "plain"),
        ((("null",),), {"default": "d"}, None),
        ((("gone",),), {"default": "d"}, "d"),
        ((("gone",),), {"default": None}, None),
        ((("a", "gone"), ("null",), ("text",)), {}, None),
        ((("rows", ("minus",)), ("i",)), {}, 1),
        ((("a", "b", ("gone",)),), {"default": []}, []),
        ((), {"default": 1}, 1),
    ],
)
def test_the_first_value_there_is(
    paths: tuple[Any, ...], default: dict[str, Any], value: Any
) -> None:
    assert Scope(STORE).coalesce(*paths, **default) == value


def test_where_all_are_missing_the_last_is_explained() -> None:
    with pytest.raises(MissingReferenceError) as raised:
        Scope({"a": {"b": 1}}).coalesce(("x",), ("a", "c"))

    assert str(raised.value) == '${x ?? a.c} is missing: "a" has no "c", only b'


def test_permissive_mode_gives_the_text_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scope = Scope({"a": {}})
    with caplog.at_level(logging.WARNING, "pflow_lower.runtime"):
        assert scope.lookup("a", "b", text="$<a.b>") == "$<a.b>"
        assert scope.coalesce(("x",), ("y",), text="${x??y}") == "${x??y}"
        assert scope.lookup("a", text="${a}") == {}
        assert scope.coalesce(("x",), ("a",), text="-") == {}

    assert caplog.messages == [
        '${a.b} is missing: "a" has no "b", only nothing; it is left as it was written',
        '${x ?? y} is missing: there is no "y", only a; it is left as it was written',
    ]


def test_an_index_that_is_no_int_is_an_error_in_permissive_mode_too() -> None:
    with pytest.raises(InvalidIndexError):
        Scope({"a": [1], "i": "0"}).lookup("a", ("i",), text="${a[${i}]}")


def test_an_item_hides_what_the_store_has() -> None:
    scope = Scope({"item": 1, "other": 2}, {"item": None})

    assert scope.lookup("item") is None
    assert scope.lookup("other") == 2


def test_values_are_not_copied_and_the_store_is_not_touched() -> None:
    store: dict[str, Any] = {"a": {"b": []}, "d": defaultdict(list)}
    before = json.dumps(store)
    scope = Scope(store)

    assert scope.lookup("a", "b") is store["a"]["b"]
    with pytest.raises(MissingReferenceError):
        scope.lookup("d", "new")
    assert json.dumps(store) == before


def test_json_in_the_store_is_read_once_for_all_scopes_of_a_batch() -> None:
    store = {"s": '{"a": []}'}
    parsed: dict[str, Any] = {}
    first = Scope(store, None, parsed).lookup("s", "a")

    assert Scope(store, {"item": 1}, parsed).lookup("s", "a") is first
    assert Scope(store).lookup("s", "a") is not first
    assert list(parsed) == ['{"a": []}']


def test_json_in_an_item_is_not_kept() -> None:
    parsed: dict[str, Any] = {}
    scope = Scope({}, {"item": '{"a": 1}'}, parsed)

    assert scope.lookup("item", "a") == 1
    assert parsed == {}


@pytest.mark.parametrize("name", ["__class__", "__dict__", "__len__", "x", "items"])
@pytest.mark.parametrize(
    "value", [SimpleNamespace(x=1), {}, [], "", 1, Scope, Scope({}), len]
)
def test_a_name_is_never_an_attribute(name: str, value: Any) -> None:
    with pytest.raises(MissingReferenceError):
        Scope({"a": value}).lookup("a", name)
    with pytest.raises(MissingReferenceError):
        Scope({}).lookup(name)


@pytest.mark.parametrize("name", ["__class__", "__dict__", "self", "lookup", "\0"])
def test_a_hostile_name_is_a_key_like_others(name: str) -> None:
    assert Scope({name: {name: 1}}).lookup(name, name) == 1


@pytest.mark.parametrize(
    "value",
    [
        *(UserList([1]), deque([1]), (1,), range(1, 2)),
        *(OrderedDict(k=1), UserDict(k=1), MappingProxyType({"k": 1})),
    ],
)
def test_any_sequence_has_indexes_and_any_mapping_names(value: Any) -> None:
    segment = "k" if hasattr(value, "keys") else 0

    assert Scope({"a": value}).lookup("a", segment) == 1


@pytest.mark.parametrize("value", [b"ab", bytearray(b"ab"), memoryview(b"ab"), {0: 1}])
def test_what_is_no_array_has_no_indexes(value: Any) -> None:
    with pytest.raises(MissingReferenceError):
        Scope({"a": value}).lookup("a", 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "True"),
        (False, "False"),
        *((zero, "0") for zero in (0, 0.0, -0.0)),
        (1.50, "1.5"),
        ({"é": [None, True, 1.0, "x"]}, '{"é": [null, true, 1.0, "x"]}'),
        ((1, 2), "[1, 2]"),
        ("${a}", "${a}"),
        (Fraction(1, 2), "1/2"),
    ],
)
def test_what_becomes_of_a_value_inside_text(value: Any, text: str) -> None:
    assert concat("<", value, ">", value) == f"<{text}>{text}"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (' \n{"a": 1} ', {"a": 1}),
        ("[]", []),
        *((same, same) for same in ("42", "null", '"x"', "[1", "", "{NaN}", 5, None)),
    ],
)
def test_json_containers_in_strings_are_read_and_nothing_else(
    value: Any, read: Any
) -> None:
    assert decoded(value) == read
