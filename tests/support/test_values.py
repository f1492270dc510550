import json
from collections import OrderedDict, UserDict, deque
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pflow_lower.support.values import (
    INPUT_TYPES,
    as_json,
    as_text,
    has_type,
    is_array,
    json_container,
    plain,
    type_name,
)


class Colour(StrEnum):
    RED = "red"


ITSELF: list[object] = []
ITSELF.append(ITSELF)

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("value", "types"),
    [
        ("a", "string str"),
        (Colour.RED, "string str"),
        (1, "number float integer int"),
        (0, "number float integer int"),
        (1.0, "number float"),
        (True, "boolean bool"),
        (False, "boolean bool"),
        ({}, "object dict"),
        (UserDict(a=1), "object dict"),
        (MappingProxyType({}), "object dict"),
        ([], "array list"),
        ((1, 2), "array list"),
        (range(3), "array list"),
        (deque(), "array list"),
        (b"a", ""),
        (bytearray(b"a"), ""),
        (None, ""),
        ({1}, ""),
        (date(2020, 1, 1), ""),
    ],
)
def test_what_each_type_of_input_takes(value: object, types: str) -> None:
    taken = {name for name in INPUT_TYPES if has_type(value, name)}

    assert taken == set(types.split())


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "a boolean"),
        (1, "a number"),
        (1.5, "a number"),
        ("a", "a string"),
        ({}, "an object"),
        (OrderedDict(), "an object"),
        ([], "an array"),
        ((), "an array"),
        (b"", "a bytes"),
        (date(2020, 1, 1), "a date"),
    ],
)
def test_the_names_of_types(value: object, name: str) -> None:
    assert type_name(value) == name


@pytest.mark.parametrize("value", [[], (), range(2), deque()])
def test_sequences_are_arrays(value: object) -> None:
    assert is_array(value)


@pytest.mark.parametrize(
    "value", ["", b"", bytearray(), memoryview(b""), {}, set(), None, 1, iter([])]
)
def test_texts_bytes_and_other_things_are_no_arrays(value: object) -> None:
    assert not is_array(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "True"),
        (False, "False"),
        (0, "0"),
        (0.0, "0"),
        (-0.0, "0"),
        (1, "1"),
        (1.0, "1.0"),
        (-1.5, "-1.5"),
        (1e100, "1e+100"),
        ("", ""),
        ("${a}", "${a}"),
        (Colour.RED, "red"),
        ({"name": "Zoë"}, '{"name": "Zoë"}'),
        (["a", 1, None, True], '["a", 1, null, true]'),
        ((1, (2,)), "[1, [2]]"),
        (range(3), "[0, 1, 2]"),
        ({"a": -0.0}, '{"a": -0.0}'),
        (UserDict(a=deque([1])), '{"a": [1]}'),
        ([date(2020, 1, 2)], '["2020-01-02"]'),
        (date(2020, 1, 2), "2020-01-02"),
        (Decimal("0.0"), "0.0"),
        ({1: "a"}, '{"1": "a"}'),
        ({(1, 2): "a"}, "{(1, 2): 'a'}"),
        (ITSELF, "[[...]]"),
        (b"a", "b'a'"),
    ],
)
def test_what_a_value_becomes_inside_text(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, None),
        (True, True),
        (0, 0),
        (-0.0, -0.0),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (Colour.RED, "red"),
        (date(2020, 1, 2), "2020-01-02"),
        (b"a", "b'a'"),
        ((1, [range(2)]), [1, [[0, 1]]]),
        (UserDict(a=deque([{1}])), {"a": ["{1}"]}),
        ({1: "a", None: "b", (2,): "c"}, {"1": "a", "None": "b", "(2,)": "c"}),
        (ITSELF, "[[...]]"),
    ],
)
def test_what_json_can_hold_of_a_value(value: object, found: object) -> None:
    assert repr(plain(value)) == repr(found).replace("'red'", repr(Colour.RED))


@given(JSON_VALUES)
def test_json_holds_all_of_a_json_value(value: object) -> None:
    assert repr(plain(value)) == repr(value)


@given(JSON_VALUES)
def test_json_is_written_so_that_it_reads_the_same(value: object) -> None:
    assert repr(json.loads(as_json(value))) == repr(value)


@given(JSON_VALUES)
def test_objects_and_arrays_are_read_from_their_text(value: object) -> None:
    read = json_container(
        as_text(value) if not isinstance(value, str) else as_json(value)
    )

    assert repr(read) == (repr(value) if isinstance(value, dict | list) else "None")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1]}', {"a": [1]}),
        ("[]", []),
        (" \t\r\n[1, 2]\n", [1, 2]),
        ("\ufeff[]", None),
        ("\xa0[]", None),
        ("42", None),
        ('"a"', None),
        ("null", None),
        ("", None),
        ("[1, 2", None),
        ("[NaN]", None),
        ("[-Infinity]", None),
        ("{'a': 1}", None),
        ("[1] [2]", None),
        ("[" * 100_000, None),
        (f"[{'9' * 5000}]", None),
    ],
)
def test_a_text_that_holds_a_container_is_read(text: str, value: object) -> None:
    assert json_container(text) == value


@given(st.text())
def test_any_text_may_be_asked(text: str) -> None:
    assert isinstance(json_container(text), dict | list | None)
