import asyncio
import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from servers import Asked, Reply, Server, as_json, serving

from pflow_lower.nodes.http import node as http
from pflow_lower.nodes.http.node import HttpError, HttpNode
from pflow_lower.nodes.write_file import WriteFileNode
from pflow_lower.support.resources import sharing

KEY = "m4rked-key-0123456789"
"""What must be in no output and in no error."""

PATIENCE = 60


async def ask(**params: Any) -> dict[str, Any]:
    node = HttpNode()
    node.set_params(params)
    shared: dict[str, Any] = {}
    assert await node._run_async(shared) == "default"
    return shared


def request(**params: Any) -> dict[str, Any]:
    return asyncio.run(ask(timeout=PATIENCE, **params))


def failure(kind: type[Exception] = HttpError, **params: Any) -> Any:
    with pytest.raises(kind) as raised:
        asyncio.run(ask(**{"timeout": PATIENCE, **params}))
    assert KEY not in str(raised.value)
    return raised.value


@contextmanager
def replying(*replies: Reply | bytes) -> Iterator[Server]:
    """Run a server that gives these replies, the last one again and again."""
    left = list(replies)

    def answer(asked: Asked) -> Reply:
        reply = left.pop(0) if len(left) > 1 else left[0]
        return reply if isinstance(reply, Reply) else Reply(reply)

    with serving(answer) as server:
        yield server


def text(body: bytes, content_type: str) -> Reply:
    return Reply(body, headers={"content-type": content_type})


class TestTheRequest:
    def test_a_get_by_default(self) -> None:
        with replying(b"hello") as server:
            shared = request(url=f" {server.url}/a?b=c#d ")
        assert shared["response"] == "hello"
        assert shared["status_code"] == 200
        assert shared["response_headers"] == {"content-length": "5"}
        assert shared["response_time"] > 0
        [asked] = server.asked
        assert (asked.method, asked.target, asked.body) == ("GET", "/a?b=c", b"")
        assert "authorization" not in asked.headers

    def test_a_post_with_a_body_that_is_json(self) -> None:
        with replying(b"") as server:
            request(url=server.url, body={"é": [1, None, True]})
        [asked] = server.asked
        assert asked.method == "POST"
        assert asked.body == '{"é": [1, null, true]}'.encode()
        assert asked.headers["content-type"] == "application/json"

    @pytest.mark.parametrize(
        ("body", "sent", "content_type"),
        [
            ("é", "é".encode(), "text/plain; charset=utf-8"),
            ("", b"", "text/plain; charset=utf-8"),
            (5, b"5", "text/plain; charset=utf-8"),
            ("\udcff", b"\xff", "text/plain; charset=utf-8"),
            (b"\x00\xff", b"\x00\xff", "application/octet-stream"),
            ([], b"[]", "application/json"),
        ],
    )
    def test_other_bodies_are_sent_as_they_are(
        self, body: object, sent: bytes, content_type: str
    ) -> None:
        with replying(b"") as server:
            request(url=server.url, body=body)
        assert server.asked[0].body == sent
        assert server.asked[0].headers["content-type"] == content_type

    def test_method_and_headers_are_those_that_are_given(self) -> None:
        headers = {"X-One": " 1 ", "content-type": "x/y", "X-Two": 2, "X-No": None}
        with replying(b"") as server:
            request(url=server.url, method="put", body={}, headers=headers)
        [asked] = server.asked
        assert asked.method == "PUT"
        assert asked.headers["x-one"] == "1"
        assert asked.headers["x-two"] == "2"
        assert asked.headers["content-type"] == "x/y"
        assert "x-no" not in asked.headers

    def test_the_query_is_added_to_that_of_the_url(self) -> None:
        query = {"q": "a b&c", "n": 1, "t": True, "l": ["x", "é"], "no": None}
        with replying(b"") as server:
            request(url=f"{server.url}/?a=%2F", params=query)
            request(url=server.url, params={"q": 1})
        assert server.asked[0].target == "/?a=%2F&q=a+b%26c&n=1&t=true&l=x&l=%C3%A9"
        assert server.asked[1].target == "/?q=1"

    def test_the_token_is_sent_without_the_white_space_around_it(self) -> None:
        with replying(b"") as server:
            request(url=server.url, auth_token=f"{KEY}\n")
        assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"

    def test_user_and_password_may_stand_in_the_url(self) -> None:
        with replying(b"") as server:
            request(url=server.url.replace("//", f"//me:{KEY}@"))
        assert server.asked[0].headers["authorization"].startswith("Basic ")

    def test_what_is_null_counts_as_not_given(self) -> None:
        names = "method headers params body auth_token timeout follow_redirects"
        with replying(b"") as server:
            asyncio.run(ask(url=server.url, **dict.fromkeys(names.split())))
        assert server.asked[0].method == "GET"

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({}, 'param "url": expected a string, found nothing'),
            ({"url": "a.b/c"}, 'begins with http:// or https://, found "a.b/c"'),
            ({"url": "ftp://a.b"}, 'http:// or https://, found "ftp://a.b"'),
            ({"url": "http://"}, 'http:// or https://, found "http://"'),
            ({"url": "http://a:b"}, 'param "url": Invalid port'),
            ({"method": "A B"}, "'A B' is not a valid method"),
            ({"headers": {"a b": "c"}}, "'a b' is not a valid header name"),
            ({"headers": []}, 'param "headers": expected an object, found an array'),
            ({"headers": {"a": f"{KEY}\nb"}}, 'param "headers.a": must not contain'),
            ({"headers": {"a": f"{KEY}\ud800"}}, 'param "headers.a": '),
            ({"auth_token": f"{KEY} a"}, 'param "auth_token": expected a token'),
            ({"auth_token": ""}, 'param "auth_token": expected a token'),
            ({"auth_token": [KEY]}, 'param "auth_token": expected a string, found an'),
            ({"auth_token": 12345678}, "expected a string, found a number"),
            (
                {"auth_token": KEY, "headers": {"authorization": KEY}},
                'give either "auth_token" or the header Authorization',
            ),
            ({"timeout": 0}, 'param "timeout": expected a number of seconds above 0'),
            ({"body": "\ud800"}, 'param "body": '),
            ({"params": 5}, 'param "params": expected an object, found the number 5'),
        ],
    )
    def test_params_of_no_use_are_errors_that_name_them(
        self, params: dict[str, Any], message: str
    ) -> None:
        url = {"url": "http://127.0.0.1:9"} if params else {}
        error = failure(Exception, **(url | params))
        assert isinstance(error, TypeError | ValueError)
        assert message in str(error)


class TestTheAnswer:
    @pytest.mark.parametrize(
        "content_type",
        [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/vnd.api+json",
            "text/json",
        ],
    )
    def test_json_is_read_where_the_content_type_says_so(
        self, content_type: str
    ) -> None:
        with replying(text(b'{"a": ["\xc3\xa9"]}', content_type)) as server:
            assert request(url=server.url)["response"] == {"a": ["é"]}

    @pytest.mark.parametrize(
        ("body", "charset"),
        [
            ('"é"'.encode("utf-8-sig"), ""),
            ('"é"'.encode("utf-16"), ""),
            ('"é"'.encode("utf-8-sig"), "; charset=utf-8"),
            ('"é"'.encode("latin-1"), "; charset=latin-1"),
            ('"é"'.encode(), "; charset=none-that-exists"),
        ],
    )
    def test_json_in_other_encodings(self, body: bytes, charset: str) -> None:
        with replying(text(body, f"application/json{charset}")) as server:
            assert request(url=server.url)["response"] == "é"

    def test_no_body_is_null(self) -> None:
        with replying(text(b"", "application/json")) as server:
            assert request(url=server.url)["response"] is None
            assert request(url=server.url, method="HEAD")["response"] is None

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b'{"a": ', "Expecting value"),
            (b"<html>", "Expecting value"),
            (b'{"a": NaN}', "NaN is not valid JSON"),
            (b'"\xe9"', "can't decode byte"),
            (b"[" * 200_000, "it is nested too deeply"),
        ],
    )
    def test_malformed_json_is_a_failure(self, body: bytes, reason: str) -> None:
        with replying(text(body, "application/json")) as server:
            error = failure(url=f"{server.url}/x?key={KEY}")
        assert f"the answer of {server.url}/x is not valid JSON" in str(error)
        assert reason in str(error)
        assert len(str(error)) < 800

    def test_anything_else_is_text(self) -> None:
        with replying(text(b'{"a": 1}\n', "application/x-ndjson")) as server:
            assert request(url=server.url)["response"] == '{"a": 1}\n'

    def test_text_is_read_in_its_charset(self) -> None:
        body = "Grüße".encode("latin-1")
        with replying(text(body, "text/plain; charset=ISO-8859-1")) as server:
            assert request(url=server.url)["response"] == "Grüße"

    def test_bytes_that_are_no_text_come_through(self, tmp_path: Path) -> None:
        body = bytes(range(256))
        with replying(text(body, "image/png")) as server:
            content = request(url=server.url)["response"]
            assert request(url=server.url, body=content)
        assert server.asked[1].body == body
        node = WriteFileNode()
        node.set_params({"file_path": str(tmp_path / "image"), "content": content})
        node._run({})
        assert (tmp_path / "image").read_bytes() == body

    def test_compressed_bodies_are_decompressed(self) -> None:
        reply = Reply(gzip.compress(b"hello"), headers={"content-encoding": "gzip"})
        with replying(reply) as server:
            assert request(url=server.url)["response"] == "hello"

    def test_one_that_cannot_be_is_a_failure(self) -> None:
        with replying(Reply(b"hello", headers={"content-encoding": "gzip"})) as server:
            error = failure(ConnectionError, url=server.url)
        assert str(error).startswith(f"the answer of {server.url}/ cannot be decom")

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(b"x" * 1001),
            Reply([b"x" * 500] * 3),
            Reply(gzip.compress(b"x" * 1001), headers={"content-encoding": "gzip"}),
        ],
    )
    def test_a_body_is_read_up_to_a_limit(
        self, monkeypatch: pytest.MonkeyPatch, reply: Reply
    ) -> None:
        monkeypatch.setattr(http, "BODY_LIMIT", 1000)
        with replying(Reply(b"x" * 1000), reply) as server:
            assert len(request(url=server.url)["response"]) == 1000
            error = failure(url=server.url)
        assert str(error) == (
            f"the answer of {server.url}/ is longer than the limit of 1000 bytes"
        )


class TestFailures:
    def test_a_status_of_400_or_above_quotes_what_the_server_said(self) -> None:
        said = "it is\n  gone: " + "x" * 1000
        with replying(Reply(said.encode(), 404)) as server:
            error = failure(url=f"{server.url}/a?b={KEY}", method="delete")
        assert str(error).startswith(
            f"DELETE {server.url}/a failed with status 404 Not Found: it is gone: xxx"
        )
        assert len(str(error)) < 600
        assert (error.status_code, error.retry_after) == (404, None)

    def test_one_without_a_body_says_so(self) -> None:
        with replying(Reply(status=500)) as server:
            error = failure(url=server.url)
        assert str(error).endswith("500 Internal Server Error: (no body)")

    def test_only_the_beginning_of_a_long_one_is_read(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http, "BODY_LIMIT", 10)
        with replying(Reply([b"x" * 65536] * 200, 500)) as server:
            assert failure(url=server.url).status_code == 500

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"retry-after": "7"}, 7.0),
            ({"Retry-After": " 1.5 "}, 1.5),
            ({"retry-after": "-3"}, 0.0),
            ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
            ({"retry-after": "soon"}, None),
            ({"retry-after": "nan"}, None),
            ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
            ({"retry-after-ms": "x", "retry-after": "1"}, 1.0),
        ],
    )
    def test_it_tells_when_to_come_back(
        self, headers: dict[str, str], seconds: float | None
    ) -> None:
        with replying(Reply(b"", 429, headers)) as server:
            error = failure(url=server.url)
        assert (error.status_code, error.retry_after) == (429, seconds)

    def test_a_date_in_the_future_is_so_many_seconds_away(self) -> None:
        date = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
        with replying(Reply(b"", 503, {"retry-after": date})) as server:
            error = failure(url=server.url)
        assert 3600 < error.retry_after <= 7200

    def test_ignored_errors_are_ordinary_outputs(self) -> None:
        with replying(as_json({"a": 1}, 404), text(b"<p>", "application/json")) as one:
            shared = request(url=one.url, ignore_errors=True)
        assert (shared["response"], shared["status_code"]) == ({"a": 1}, 404)

    def test_also_one_that_says_json_and_is_a_page(self) -> None:
        page = Reply(b"<p>", 502, {"content-type": "application/json"})
        with replying(page) as server:
            assert request(url=server.url, ignore_errors=True)["response"] == "<p>"

    @pytest.mark.parametrize("ending", ["cut", "dropped"])
    def test_a_connection_that_breaks_off_is_a_connection_error(
        self, ending: Any
    ) -> None:
        with replying(Reply(b"x" * 1000, ending=ending)) as server:
            address = server.url.removeprefix("http://")
            url = server.url.replace("//", f"//me:{KEY}@")
            error = failure(ConnectionError, url=url, ignore_errors=True)
        assert str(error).startswith(f"the exchange with {address} failed: ")
        assert "me" not in str(error).split()

    def test_a_server_that_is_not_there_is_a_connection_error(self) -> None:
        with socket.socket() as nobody:  # bound, but it does not listen
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]
            error = failure(ConnectionError, url=f"http://me:{KEY}@127.0.0.1:{port}/")
        assert str(error) == f"cannot connect to 127.0.0.1:{port}: Connection refused"

    def test_so_is_a_host_that_does_not_exist(self) -> None:
        error = failure(ConnectionError, url="http://does-not-exist.invalid/x")
        assert str(error).startswith("cannot connect to does-not-exist.invalid: ")

    @pytest.mark.parametrize(
        "reply", [Reply(ending="hanging"), Reply(b"late", after=PATIENCE)]
    )
    def test_past_its_timeout_it_is_given_up(self, reply: Reply) -> None:
        with replying(reply) as server:
            error = failure(TimeoutError, url=f"{server.url}/a?k={KEY}", timeout=0.05)
            assert str(error) == (
                f"GET {server.url}/a: no complete answer within 0.05 s"
            )

    def test_the_deadline_counts_for_all_of_it(self) -> None:
        """Redirects, each of which comes in time, do not put it off."""
        reply = Reply(status=302, headers={"location": "/again"}, after=0.1)
        with replying(reply) as server:
            failure(TimeoutError, url=server.url, timeout=0.5)

    def test_a_cancelled_request_closes_its_connection(self) -> None:
        with replying(Reply(ending="hanging")) as server:

            async def run() -> None:
                task = asyncio.create_task(ask(url=server.url))
                while not server.asked:
                    await asyncio.sleep(0.005)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

            asyncio.run(run())

    def test_what_a_server_repeats_is_masked(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SOME_API_KEY", KEY)
        with replying(Reply(f"no {KEY}".encode(), 401)) as server:
            error = failure(url=f"{server.url}/{KEY}")
        assert str(error) == (
            f"GET {server.url}/*** failed with status 401 Unauthorized: no ***"
        )

    @pytest.mark.parametrize(
        "params",
        [
            {"auth_token": KEY},
            {"headers": {"X-Api-Key": KEY}},
            {"headers": {"Authorization": f"Basic {KEY}"}},
            {"headers": {"Cookie": f"session={KEY}"}},
        ],
    )
    def test_also_where_it_is_known_from_params_only(
        self, params: dict[str, Any]
    ) -> None:
        def answer(asked: Asked) -> Reply:
            return Reply(json.dumps(asked.headers).encode(), 403)

        with serving(answer) as server:
            assert "***" in str(failure(url=server.url, **params))


SECRETS = {
    "auth_token": KEY,
    "headers": {"X-Api-Key": KEY, "Cookie": KEY, "X-Mine": KEY, "Accept": "x/y"},
}


class TestRedirects:
    def test_are_followed(self) -> None:
        first = Reply(status=302, headers={"location": "/b"})
        with replying(first, b"done") as server:
            shared = request(url=f"{server.url}/a", body="x", **SECRETS)
        assert (shared["response"], shared["status_code"]) == ("done", 200)
        assert [(one.method, one.target) for one in server.asked] == [
            ("POST", "/a"),
            ("GET", "/b"),
        ]

    def test_to_the_same_server_take_everything_along(self) -> None:
        first = Reply(status=307, headers={"location": "/b"})
        with replying(first, b"done") as server:
            request(url=f"{server.url}/a", body="x", **SECRETS)
        one, other = server.asked
        assert (other.method, other.body) == ("POST", b"x")
        assert one.headers == other.headers
        assert other.headers["authorization"] == f"Bearer {KEY}"

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_to_another_server_take_no_secrets_along(self, status: int) -> None:
        with replying(b"done") as other:
            first = Reply(status=status, headers={"location": f"{other.url}/b"})
            with replying(first) as server:
                url = f"{server.url}/a?key={KEY}"
                assert request(url=url, body="x", **SECRETS)["response"] == "done"
        [asked] = other.asked
        assert KEY not in repr(asked)
        assert asked.headers["accept"] == "x/y"
        assert asked.headers["host"] == other.url.removeprefix("http://")

    def test_nor_back_from_there(self) -> None:
        ways: dict[str, str] = {}

        def answer(asked: Asked) -> Reply:
            way = ways.get(asked.target)
            return Reply(status=302, headers={"location": way}) if way else Reply()

        with serving(answer) as home, serving(answer) as other:
            ways.update({"/a": f"{other.url}/b", "/b": f"{home.url}/c"})
            request(url=f"{home.url}/a", **SECRETS)
        assert [asked.target for asked in home.asked] == ["/a", "/c"]
        assert KEY not in repr(home.asked[1])

    def test_nor_do_user_and_password_of_the_url(self) -> None:
        with replying(b"") as other:
            first = Reply(status=302, headers={"location": other.url})
            with replying(first) as server:
                request(url=server.url.replace("//", f"//me:{KEY}@"))
        assert "authorization" not in other.asked[0].headers

    def test_are_not_followed_where_they_are_not_wanted(self) -> None:
        with replying(Reply(b"x", 302, {"location": "/b"})) as server:
            shared = request(url=server.url, follow_redirects=False)
        assert (shared["status_code"], len(server.asked)) == (302, 1)
        assert shared["response_headers"]["location"] == "/b"

    def test_without_end_are_a_failure(self) -> None:
        with replying(Reply(status=302, headers={"location": "/a"})) as server:
            error = failure(ConnectionError, url=server.url)
        assert "more than 20 redirects" in str(error)
        assert len(server.asked) == 21

    def test_to_what_is_no_web_server_are_a_failure(self) -> None:
        with replying(Reply(status=302, headers={"location": "ftp://a/b"})) as server:
            error = failure(ConnectionError, url=server.url)
        assert str(error).startswith("the exchange with a failed: ")


class TestConnections:
    def test_are_shared_by_all_of_a_run(self) -> None:
        async def run(url: str) -> None:
            async with sharing():
                for _ in range(5):
                    await ask(url=url)

        with replying(b"x") as server:
            asyncio.run(run(server.url))
            assert {asked.connection for asked in server.asked} == {1}
            asyncio.run(run(server.url))
        assert {asked.connection for asked in server.asked} == {1, 2}

    def test_are_as_many_as_requests_at_once(self) -> None:
        async def run(server: Server) -> None:
            async with sharing(), asyncio.timeout(PATIENCE):
                tasks = [asyncio.create_task(ask(url=server.url)) for _ in range(120)]
                while len(server.asked) < 120:
                    await asyncio.sleep(0.005)
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

        with replying(Reply(ending="hanging")) as server:
            asyncio.run(run(server))

    def test_cookies_of_one_answer_are_in_no_other_request(self) -> None:
        async def run(url: str) -> None:
            async with sharing():
                await ask(url=url)
                await ask(url=url)

        setting = Reply(status=302, headers={"set-cookie": "a=b", "location": "/x"})
        with replying(setting, b"x") as server:
            asyncio.run(run(server.url))
        assert len(server.asked) == 3
        assert not any("cookie" in asked.headers for asked in server.asked)

    def test_a_failure_in_one_leaves_the_others_alone(self) -> None:
        def answer(asked: Asked) -> Reply:
            if asked.target == "/bad":
                return Reply(ending="dropped")
            return Reply(b"x", after=0.05)

        async def run(url: str) -> Any:
            async with sharing():
                targets = ["/good", "/bad"] * 5
                tasks = [ask(url=url + target) for target in targets]
                return await asyncio.gather(*tasks, return_exceptions=True)

        with serving(answer) as server:
            ended = asyncio.run(run(server.url))
        assert [shared["response"] for shared in ended[::2]] == ["x"] * 5
        assert {type(error) for error in ended[1::2]} == {ConnectionError}
