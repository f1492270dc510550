"""Which failures of an item are tried again, and after how long."""

import urllib.error
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import format_datetime
from http import HTTPStatus
from math import inf, isfinite, nan
from threading import TIMEOUT_MAX
from typing import Any, NoReturn

import pytest
from batches import batch_of, either_node_of, run
from hypothesis import given
from hypothesis import strategies as st
from pocketflow import BaseNode, Node

from pflow_lower.runtime import (
    BatchStep,
    ErrorAction,
    InvalidIndexError,
    MissingReferenceError,
    MissingResultError,
    Retry,
    Scope,
)
from pflow_lower.runtime.batch.retry import http_status, retry_after

both_kinds = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])

EVERYTHING = Retry(max_attempts=3, on=("BaseException",))
"""What `"max_retries": 3` is short for."""


class Reply:
    """What clients keep of an answer, under the names that they use."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class ClientError(Exception):
    """An exception of some client; `attributes` say what it tells of the answer."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__("the client failed")
        self.__dict__.update(attributes)


class BusyError(ClientError):
    """An exception that is based on another."""


class TouchyError(Exception):
    """An exception whose properties raise, as some do that were never sent."""

    @property
    def response(self) -> NoReturn:
        raise RuntimeError("there is no response")

    status_code = retry_after = headers = response


@pytest.mark.parametrize(
    "name",
    [
        "BusyError",
        "ClientError",
        "Exception",
        "BaseException",
        f"{__name__}.BusyError",
        f"{__name__}.ClientError",
        "builtins.Exception",
    ],
)
def test_a_class_is_named_by_itself_or_any_base_plain_or_dotted(name: str) -> None:
    assert Retry(max_attempts=2, on=(name,)).tries_again(BusyError(), 1)


@pytest.mark.parametrize(
    "name",
    ["busyerror", "Busy", "test_retry", "ValueError", "acme.BusyError", "object "],
)
def test_another_name_is_another_class(name: str) -> None:
    assert not Retry(max_attempts=2, on=(name,)).tries_again(BusyError(), 1)


def test_a_class_inside_another_is_named_with_it() -> None:
    class InnerError(Exception):
        pass

    path = InnerError.__qualname__
    assert Retry(2, on=(f"{__name__}.{path}",)).tries_again(InnerError(), 1)
    assert Retry(2, on=("InnerError",)).tries_again(InnerError(), 1)


def test_a_base_does_not_name_what_is_based_on_it() -> None:
    assert not Retry(max_attempts=2, on=("BusyError",)).tries_again(ClientError(), 1)


@pytest.mark.parametrize("name", ["status_code", "status", "code"])
@pytest.mark.parametrize("inside", [False, True], ids=["error", "response"])
def test_a_status_stands_in_the_error_or_in_its_response(
    name: str, inside: bool
) -> None:
    attributes = {name: 503}
    error = ClientError(response=Reply(**attributes)) if inside else None
    error = error or ClientError(**attributes)
    assert http_status(error) == 503
    assert Retry(max_attempts=2, on=(503,)).tries_again(error, 1)
    assert not Retry(max_attempts=2, on=(500, 429)).tries_again(error, 1)


@pytest.mark.parametrize(
    "status", [None, "503", 200, 302, 600, 0, -404, True, 503.0, ["503"], lambda: 503]
)
def test_what_is_no_status_of_an_error_counts_as_none(status: Any) -> None:
    assert http_status(ClientError(status_code=status)) is None


def test_the_first_status_that_is_one_counts() -> None:
    error = ClientError(code="rate_limited", response=Reply(status_code=429))
    assert http_status(error) == 429
    assert http_status(ClientError(status=HTTPStatus.CONFLICT)) == 409


def test_exceptions_of_the_standard_library_tell_their_status() -> None:
    headers = Message()
    headers["Retry-After"] = "7"
    error = urllib.error.HTTPError("http://127.0.0.1/", 503, "busy", headers, None)
    with error:
        assert http_status(error) == 503
        assert retry_after(error) == 7


def test_an_exception_whose_properties_raise_is_one_like_any_other() -> None:
    error = TouchyError()
    assert http_status(error) is None
    assert retry_after(error) is None
    assert Retry(max_attempts=2).tries_again(error, 1)


PERMANENT = [
    TypeError("no"),
    AttributeError("no"),
    ImportError("no"),
    ModuleNotFoundError("no"),
    NameError("no"),
    UnboundLocalError("no"),
    NotImplementedError("no"),
    SyntaxError("no"),
    MissingResultError("no"),
    *(ClientError(status_code=status) for status in (400, 401, 403, 404, 410, 422)),
]

PASSING = [
    ValueError("no"),
    OSError("no"),
    TimeoutError("no"),
    SystemExit(1),
    ErrorAction("no"),
    *(ClientError(status_code=status) for status in (408, 409, 425, 429)),
    *(ClientError(status_code=status) for status in (500, 502, 503, 504, 529, 599)),
]


@pytest.mark.parametrize("error", PERMANENT, ids=repr)
def test_what_is_plainly_permanent_is_not_tried_again(error: Exception) -> None:
    assert not Retry(max_attempts=9).tries_again(error, 1)
    assert EVERYTHING.tries_again(error, 1)


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_all_else_is_tried_again(error: BaseException) -> None:
    assert Retry(max_attempts=9).tries_again(error, 1)
    assert EVERYTHING.tries_again(error, 1)


def test_a_status_says_more_than_the_class() -> None:
    class OddError(TypeError):
        status_code = 503

    assert Retry(max_attempts=2).tries_again(OddError(), 1)


@pytest.mark.parametrize("on", [None, ("BaseException",), ("LookupError", "TypeError")])
@pytest.mark.parametrize("kind", [MissingReferenceError, InvalidIndexError])
def test_a_missing_reference_is_never_tried_again(
    kind: type[Exception], on: tuple[str, ...] | None
) -> None:
    assert not Retry(max_attempts=9, on=on).tries_again(kind("no"), 1)


def test_attempts_are_counted_from_one() -> None:
    retry = Retry(max_attempts=3)
    assert [retry.tries_again(OSError(), number) for number in (1, 2, 3, 4)] == [
        True,
        True,
        False,
        False,
    ]
    assert not Retry().tries_again(OSError(), 1)


def test_waits_grow_by_the_factor_up_to_the_most() -> None:
    retry = Retry(max_attempts=9, wait=0.5, backoff=3, max_wait=10)
    assert [retry.seconds(number) for number in range(1, 6)] == [0.5, 1.5, 4.5, 10, 10]
    assert [Retry(wait=2).seconds(number) for number in (1, 2, 50)] == [2, 2, 2]
    assert Retry(max_attempts=9).seconds(5) == 0


waits = st.builds(
    Retry,
    wait=st.integers(0, 10**9) | st.floats(0, 1e9),
    backoff=st.integers(1, 10**9) | st.floats(1, 1e9),
    max_wait=st.none() | st.integers(0, 10**9) | st.floats(0, 1e9),
    jitter=st.sampled_from(["none", "full"]),
)


@given(waits, st.integers(1, 99))
def test_a_wait_is_always_one_that_can_be_waited(retry: Retry, attempt: int) -> None:
    most = TIMEOUT_MAX if retry.max_wait is None else retry.max_wait
    seconds = retry.seconds(attempt)
    assert isfinite(seconds)
    assert 0 <= seconds <= most
    if retry.jitter == "full":
        steady = Retry(9, retry.wait, retry.backoff, retry.max_wait)
        assert seconds <= steady.seconds(attempt)


def test_no_wait_stays_none_however_often_it_is_multiplied() -> None:
    assert Retry(wait=0, backoff=1e9).seconds(99) == 0
    assert Retry(wait=1, backoff=1e9).seconds(99) == TIMEOUT_MAX
    assert Retry(wait=1, backoff=1e9, max_wait=7).seconds(99) == 7


def test_full_jitter_takes_all_of_the_range() -> None:
    retry = Retry(wait=8, jitter="full")
    waits = [retry.seconds(1) for _ in range(1000)]
    # Each of these is false once in some 10 ** 57 runs.
    assert min(waits) < 1
    assert max(waits) > 7
    assert len(set(waits)) > 900


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (5, 5),
        (0.25, 0.25),
        ("120", 120),
        (" 2.5 ", 2.5),
        (b"7", 7),
        (1e300, 1e300),
        (0, None),
        (-3, None),
        ("-3", None),
        ("", None),
        ("soon", None),
        ("5 s", None),
        (nan, None),
        (inf, None),
        ("NaN", None),
        ("Infinity", None),
        ("9" * 400, None),
        (10**400, None),
        (True, None),
        ([], None),
        ({"seconds": 5}, None),
        (object(), None),
        ("Wed, 99 Foo 2030 00:00:00 GMT", None),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2040 00:00:00 +9999", None),
        ("Mon, 01 Jan 2001 00:00:00 GMT", None),
        ("Sat, 01 Jan 0001 00:00:00 +2359", None),
    ],
)
def test_seconds_are_read_and_nonsense_is_not(said: Any, seconds: float | None) -> None:
    assert retry_after(ClientError(retry_after=said)) == seconds


@given(st.text() | st.binary() | st.floats() | st.integers() | st.none())
def test_nothing_that_is_said_does_harm(said: Any) -> None:
    seconds = retry_after(ClientError(retry_after=said))
    assert seconds is None or 0 < seconds < inf


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0200"])
def test_a_date_is_that_many_seconds_away(zone: str) -> None:
    hours = 2 if zone == "+0200" else 0
    then = datetime.now(UTC) + timedelta(seconds=1000, hours=hours)
    date = format_datetime(then.replace(tzinfo=None)).replace("-0000", zone)
    seconds = retry_after(ClientError(retry_after=date))
    assert seconds is not None
    assert 0 < seconds <= 1000


def test_a_date_that_is_over_holds_nothing_back() -> None:
    then = datetime.now(UTC) - timedelta(seconds=1)
    assert retry_after(ClientError(retry_after=format_datetime(then))) is None


class Headers:
    """Headers as clients have them: what is asked for may be in any case."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    def get(self, name: str) -> str | None:
        return {key.lower(): value for key, value in self._given.items()}.get(
            name.lower()
        )


@pytest.mark.parametrize("name", ["Retry-After", "retry-after", "RETRY-AFTER"])
@pytest.mark.parametrize("kind", [dict, Headers])
@pytest.mark.parametrize("inside", [False, True], ids=["error", "response"])
def test_the_header_may_stand_in_the_error_or_in_its_response(
    name: str, kind: Any, inside: bool
) -> None:
    reply = {"headers": kind({"Date": "today", name: "9"})}
    error = ClientError(response=Reply(**reply)) if inside else ClientError(**reply)
    assert retry_after(error) == 9


@pytest.mark.parametrize("headers", [None, {}, [], 5, {1: 2}, {"Retry-After": "soon"}])
def test_headers_that_say_nothing_hold_nothing_back(headers: Any) -> None:
    assert retry_after(ClientError(response=Reply(headers=headers))) is None


def test_what_the_error_itself_says_counts_first() -> None:
    reply = Reply(headers={"Retry-After": "9"})
    assert retry_after(ClientError(retry_after=3, response=reply)) == 3


def test_the_outputs_of_a_node_that_ends_with_error_say_it_too() -> None:
    error = ErrorAction("busy", {"status_code": 429, "retry_after": "4"})
    assert http_status(error) == 429
    assert retry_after(error) == 4
    assert Retry(max_attempts=2, on=(429,)).tries_again(error, 1)
    gone = ErrorAction("gone", {"status_code": 404})
    assert not Retry(max_attempts=2).tries_again(gone, 1)
    assert Retry(max_attempts=2, on=("ErrorAction",)).tries_again(gone, 1)


@both_kinds
@pytest.mark.parametrize("error", [TypeError("no"), SystemExit(3), OSError()], ids=repr)
def test_a_batch_tries_as_often_as_it_should(
    error: BaseException, is_async: bool
) -> None:
    for retry in (Retry(max_attempts=3), EVERYTHING, Retry(3, on=("KeyError",))):
        attempts = 0

        def work(item: Any) -> None:
            nonlocal attempts
            attempts += 1
            raise error

        node_type = either_node_of(work, is_async)
        step = batch_of(node_type, [1], retry=retry, error_handling="continue")
        output = run(step)["b"]
        assert attempts == (3 if retry.tries_again(error, 1) else 1)
        assert output["error_count"] == 1
        assert output["errors"][0]["type"] == type(error).__name__


def test_a_batch_never_tries_again_where_a_reference_is_missing() -> None:
    resolved = 0

    class Missing(BatchStep):
        node_id = "b"
        node_type = either_node_of(str, is_async=False)
        retry = EVERYTHING
        error_handling = "continue"

        def items_for(self, scope: Scope) -> Any:
            return [1]

        def params_for(self, scope: Scope) -> dict[str, Any]:
            nonlocal resolved
            resolved += 1
            return {"item": scope.lookup("nobody")}

    assert run(Missing())["b"]["errors"][0]["type"] == "MissingReferenceError"
    assert resolved == 1


def node_that_ends_with(*outputs: dict[str, Any]) -> type[BaseNode]:
    """Give a node that ends with `error` once for each outputs, then succeeds."""
    left = list(outputs)

    class Made(Node):
        def post(self, shared: Any, prep_res: Any, exec_res: Any) -> str:
            if not left:
                shared["out"] = "done"
                return "default"
            shared.update(left.pop(0))
            return "error"

    return Made


def test_an_error_action_is_tried_again_by_its_status() -> None:
    busy, gone = {"error": "a", "status_code": 503}, {"error": "b", "status_code": 404}
    retry = Retry(max_attempts=3)
    step = batch_of(node_that_ends_with(busy, busy), [1], retry=retry)
    assert run(step)["b"]["results"] == ["done"]
    node_type = node_that_ends_with(busy, gone)
    step = batch_of(node_type, [1], retry=retry, error_handling="continue")
    assert run(step)["b"]["errors"][0]["error"] == "b"


@both_kinds
def test_an_attempt_has_params_that_no_other_one_has_changed(is_async: bool) -> None:
    found: list[Any] = []

    def work(item: list[int]) -> None:
        found.append([*item])
        item.append(0)
        raise OSError

    step = batch_of(
        either_node_of(work, is_async),
        [1],
        params_for=lambda self, scope: {"item": [scope.lookup("item")]},
        retry=Retry(max_attempts=3),
        error_handling="continue",
    )
    run(step)
    assert found == [[1], [1], [1]]
