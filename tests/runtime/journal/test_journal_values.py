"""What a digest stands for, and which results come back from a journal as they were."""

import enum
import json
import math
import subprocess
import sys
from collections import OrderedDict
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pflow_lower.runtime.journal.errors import JournalError
from pflow_lower.runtime.journal.values import decode, digest, encode

texts = st.text(st.characters(), max_size=8)  # lone surrogates among them
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner),
    max_leaves=12,
)
foreign = st.recursive(
    scalars | st.binary(max_size=4) | st.frozensets(st.integers(), max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(scalars | st.tuples(texts), inner, max_size=3)
    ),
    max_leaves=8,
)


class Text(str):
    __slots__ = ()


class Number(enum.IntEnum):
    ONE = 1


class Fails:
    def __repr__(self) -> str:
        raise ValueError("no repr today")


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal and of the same types all through."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        pairs = zip(exactly_sorted(one), exactly_sorted(other), strict=False)
        return len(one) == len(other) and all(
            same(mine, theirs) and same(one[mine], other[theirs])
            for mine, theirs in pairs
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return repr(one) == repr(other)
    return bool(one == other)


def exactly_sorted(keys: Any) -> list[Any]:
    return sorted(keys, key=lambda key: (type(key).__name__, ascii(key)))


def nested(depth: int) -> Any:
    value: Any = 0
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


class TestDigest:
    @given(values)
    def test_is_the_same_for_a_copy(self, value: Any) -> None:
        assert digest(value) == digest(decode(str(encode(value))))

    @given(foreign, foreign)
    def test_is_the_same_only_for_the_same(self, one: Any, other: Any) -> None:
        assert (digest(one) == digest(other)) == same(one, other)

    @given(st.dictionaries(texts, values))
    def test_does_not_depend_on_the_order_of_keys(self, value: dict[str, Any]) -> None:
        assert digest(value) == digest(dict(reversed(value.items())))

    @pytest.mark.parametrize(
        "unlike",
        [
            [1, 1.0, True, "1", Number.ONE, [1], {"1": 1}, {1: 1}],
            [0, 0.0, -0.0, False, None, "", [], {}, (), set(), frozenset(), b""],
            [math.nan, math.inf, -math.inf, "NaN", "nan", None, "null"],
            ["a", Text("a"), b"a", bytearray(b"a"), ["a"], ("a",), {"a"}],
            [{"a": 1}, OrderedDict(a=1), {b"a": 1}, [("a", 1)]],
            ["\U0001f600", "\ud83d\ude00", "\ude00\ud83d", "\ud83d", "\ufffd"],
            ["a\0", "a", "a\\u0000", 'a"', "a\\"],
            [10**5000, 10**5000 + 1, -(10**5000), hex(10**5000)],
            [(1, (2, 3)), ((1, 2), 3), [1, [2, 3]], (1, 2, 3)],
            ["!tuple[]", (), ["!tuple[]"]],
            [{"a": 1, "b": 2}, {"a": 2, "b": 1}, {"a": [1, "b"]}],
        ],
        ids=lambda unlike: type(unlike[0]).__name__,
    )
    def test_does_not_confuse(self, unlike: list[Any]) -> None:
        assert len({digest(value) for value in unlike}) == len(unlike)

    def test_takes_what_json_cannot_hold_by_type_and_repr(self) -> None:
        assert digest({"on": date(2025, 1, 2)}) == digest({"on": date(2025, 1, 2)})
        assert digest({"at": Path("a")}) != digest({"at": Path("b")})
        assert digest({"at": Path("a")}) != digest({"at": repr(Path("a"))})

    def test_is_32_hex_digits(self) -> None:
        assert len(digest(None)) == 32
        int(digest(None), 16)

    def test_is_what_it_has_always_been(self) -> None:
        # Another digest for the same params would have all journals paid for again.
        value = {
            "prompt": 'é "\U0001fae8\ud800',
            "n": [1, 1.5, -0.0, None, True],
            "at": PurePosixPath("x"),
            "of": ({"b", "a"}, b"\0", 10**1000, date(2025, 1, 2), Text("\U0001fae8")),
            "by": {2: "two", "1": "one"},
        }
        assert digest(value) == "4d765361b00aaf151109743af9da21d6"

    def test_is_the_same_in_other_processes(self) -> None:
        program = (
            "from pflow_lower.runtime.journal.values import digest\n"
            "words = {'a', 'b', 'c', 'd', 'e'}\n"
            "print(digest({'of': [words, frozenset(words)], 'by': {1.5: None}}))"
        )
        printed = {
            subprocess.check_output([sys.executable, "-c", program]) for _ in range(3)
        }
        assert len(printed) == 1

    def test_of_what_is_nested_too_deep_is_an_error(self) -> None:
        assert digest(nested(200)) != digest(nested(198))
        circle: list[Any] = []
        circle.append((circle, circle))
        for value in (nested(201), nested(100_000), circle, {"a": circle}):
            with pytest.raises(JournalError, match="nested up to 200 levels deep"):
                digest(value)

    def test_of_what_has_no_repr_is_an_error(self) -> None:
        with pytest.raises(JournalError) as raised:
            digest({"a": Fails()})
        assert str(raised.value) == (
            "a journal identifies params by their repr, and that of a Fails fails: "
            "no repr today; pass something else to the node"
        )


class TestEncode:
    @given(values)
    def test_what_is_json_comes_back_as_it_was(self, value: Any) -> None:
        text = encode(value)
        assert text is not None
        assert same(decode(text), value)

    @given(foreign)
    def test_what_comes_back_otherwise_is_refused(self, value: Any) -> None:
        text = encode(value)
        assert text is None or same(decode(text), value)

    @given(values)
    def test_the_order_of_keys_is_kept(self, value: Any) -> None:
        assert repr(decode(str(encode(value)))) == repr(value)

    @given(st.dictionaries(texts, st.integers()))
    def test_any_json_reader_reads_it(self, value: dict[str, int]) -> None:
        assert json.loads(str(encode(value))) == value

    @pytest.mark.parametrize(
        "value",
        [
            (),
            [()],
            b"",
            {1: 1},
            {None: 1},
            {Text("a"): 1},
            Text("a"),
            [Number.ONE],
            OrderedDict(a=1),
            type("Items", (list,), {})(),
            type("Real", (float,), {})(1.5),
            {1},
            Path("a"),
            object,
            Fails(),
            10**5000,
            [-(10**5000)],
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_what_json_cannot_hold_is_none(self, value: Any) -> None:
        assert encode(value) is None
        assert encode({"a": [value]}) is None

    @pytest.mark.parametrize("lone", ["\ud800", "\ud83d\ude00", "\udc00a\0"])
    def test_lone_surrogates_stay_alone(self, lone: str) -> None:
        assert decode(str(encode({lone: lone}))) == {lone: lone}

    def test_what_is_nested_very_deep_is_none(self) -> None:
        assert decode(str(encode(nested(200)))) == nested(200)
        assert encode(nested(201)) is None
        assert encode(nested(100_000)) is None
        circle: list[Any] = []
        circle.extend([circle, circle])
        assert encode(circle) is None
