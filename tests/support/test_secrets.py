import base64
import json
import os
import threading
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pflow_lower.support import secrets
from pflow_lower.support.secrets import mask, mask_values, register, register_headers

MARKED = 'm4rked/"s3cret"+ä'
"""A secret that JSON, URLs and Python each write in a way of their own."""


@pytest.fixture(autouse=True)
def nothing_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_known", secrets._Known())


class TestTheEnvironment:
    @pytest.mark.parametrize(
        "name",
        [
            "KEY",
            "OPENAI_API_KEY",
            "openai_api_key",
            "API-KEY",
            "apiKey",
            "MY_APIKEYS",
            "KEY2",
            "GITHUB_TOKEN",
            "CLIENT_SECRET_V2",
            "DB_PASSWORD",
            "PGPASSWORD",
            "SMTP_PASSWD",
            "AWS_CREDENTIALS",
            "REGISTRY_AUTH",
        ],
    )
    def test_values_under_telling_names_are_masked(
        self, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setenv(name, "m4rked")
        assert mask("it says m4rked.") == "it says ***."

    @pytest.mark.parametrize(
        "name", ["MONKEY", "KEYBOARD", "TOKENIZER", "AUTHOR", "SECRETARY", "KEYRING"]
    )
    def test_a_word_inside_another_tells_nothing(
        self, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setenv(name, "m4rked")
        assert mask("it says m4rked.") == "it says m4rked."

    def test_a_short_value_is_left_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("API_KEY", " 12345 ")
        assert mask("12345") == "12345"

    def test_a_change_is_seen_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert mask("first1 second2") == "first1 second2"
        monkeypatch.setenv("API_KEY", "first1")
        assert mask("first1 second2") == "*** second2"
        monkeypatch.setenv("API_KEY", "second2")
        assert mask("first1 second2") == "first1 ***"
        monkeypatch.delenv("API_KEY")
        assert mask("first1 second2") == "first1 second2"

    def test_a_replaced_environment_is_seen(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "environ", {"API_KEY": "m4rked"})
        assert mask("m4rked") == "***"

    def test_of_two_that_overlap_the_longer_one_counts(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("A_KEY", "m4rked")
        monkeypatch.setenv("B_KEY", "m4rked-and-more")
        assert mask("m4rked-and-more, m4rked") == "***, ***"


class TestForms:
    @pytest.mark.parametrize(
        "form",
        [
            MARKED,
            json.dumps(MARKED)[1:-1],
            json.dumps(MARKED, ensure_ascii=False)[1:-1],
            repr(MARKED)[1:-1],
            quote(MARKED),
            quote(MARKED, safe=""),
        ],
    )
    def test_each_form_is_masked(self, form: str) -> None:
        register(MARKED)
        assert mask(f"<{form}>") == "<***>"

    @given(st.text(max_size=9), st.text(max_size=9))
    def test_base64_of_texts_that_hold_it_shows_next_to_nothing_of_it(
        self, before: str, after: str
    ) -> None:
        register(MARKED)
        encoded = base64.b64encode(f"{before}:{MARKED}{after}".encode()).decode()
        masked = mask(encoded)
        assert "***" in masked
        assert len(encoded) - len(masked) >= len(MARKED.encode()) * 4 // 3 - 4 - 3

    def test_the_lines_of_a_long_one_are_masked_by_themselves(self) -> None:
        register("-----BEGIN KEY-----\nabcdefghijklmnop\nqr\n-----END KEY-----\n")
        assert mask("read abcdefghijklmnop qr") == "read *** qr"

    def test_lone_surrogates_do_no_harm(self) -> None:
        register("caf\udce9 \ud800 secret")
        assert mask("the caf\udce9 \ud800 secret") == "the ***"


class TestShapes:
    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            ("authorization=abc, next", "authorization=***, next"),
            ("{'Authorization': 'Basic YWI6Y2Q='}", "{'Authorization': 'Basic ***'}"),
            ('{"Authorization":"token abc"}', '{"Authorization":"token ***"}'),
            (r"{\"authorization\": \"abc\"}", r"{\"authorization\": \"***\"}"),
            ("Proxy-Authorization: Digest x", "Proxy-Authorization: Digest ***"),
            ("X-Api-Key: abc", "X-Api-Key: ***"),
            ("(b'Authorization', b'Bearer abc')", "(b'Authorization', b'Bearer ***')"),
            ("sent Bearer xyz", "sent Bearer ***"),
            ("sent Basic dXNlcjpwYXNz", "sent Basic ***"),
            ("at https://me:pass@host/x", "at https://***@host/x"),
            ("at https://token1@host/x", "at https://***@host/x"),
            ("at https://me:p@ss@host:8/x", "at https://***@host:8/x"),
            ("https://h/?api_key=abc&n=1", "https://h/?api_key=***&n=1"),
            ("https://h/?n=1&access_token=abc", "https://h/?n=1&access_token=***"),
            ("key sk-proj-abc_123 is bad", "key *** is bad"),
            (f"ghp_{'a1' * 18}", "***"),
            (f"github_pat_{'a1' * 18}", "***"),
            ("xoxb-12345678-abc", "***"),
            (f"AIza{'x-1' * 12}", "***"),
        ],
    )
    def test_what_looks_like_a_secret_is_masked(self, text: str, masked: str) -> None:
        assert mask(text) == masked
        assert mask(masked) == masked

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "***",
            "Bearer authentication is needed",
            'www-authenticate: Bearer realm="x"',
            "Basic authentication failed",
            "a basic understanding of task-96-and-more",
            "sk-learn",
            'param "auth_token": expected a string, found nothing',
            "https://host/path@2x.png?monkey=1&page=2",
            "user@example.org wrote",
            'node "b" failed: item 3: [Errno 2] No such file: "/tmp/key=abc"',
        ],
    )
    def test_what_does_not_is_left_alone(self, text: str) -> None:
        assert mask(text) == text

    @given(
        st.text(alphabet=st.sampled_from("sk-Bearer Basic://@:=?&key'\"\\ Authoriz"))
    )
    def test_masking_twice_is_masking_once(self, text: str) -> None:
        assert mask(mask(text)) == mask(text)

    @pytest.mark.parametrize(
        "piece", ["://a", "authorization ", "bearer  ", "?key", "&a", "basic a", "sk-"]
    )
    def test_long_texts_take_no_longer_than_they_are(self, piece: str) -> None:
        mask(piece * 200_000)  # were it quadratic, this would never end


class TestRegistered:
    def test_a_registered_value_is_masked_from_then_on(self) -> None:
        assert mask("m4rked") == "m4rked"
        register("m4rked")
        assert mask("m4rked") == "***"

    def test_too_short_a_one_is_left_alone(self) -> None:
        register("short")
        register("     a    ")
        assert mask("short a") == "short a"

    def test_headers_that_hold_secrets_are_registered_without_their_scheme(
        self,
    ) -> None:
        register_headers({"Authorization": "Bearer m4rked-1", "Accept": "text/html"})
        register_headers({"X-Api-Key": "m4rked-2"})
        assert mask("m4rked-1 text/html m4rked-2") == "*** text/html ***"

    def test_the_oldest_are_forgotten(self) -> None:
        for number in range(250):
            register("kept-1")
            register(f"value-{number}")
        assert mask("kept-1 value-0 value-249") == "*** value-0 ***"

    def test_any_thread_may_register_and_mask(self) -> None:
        seen: list[str] = []

        def work(number: int) -> None:
            for step in range(20):
                secret = f"m4rked-{number}-{step}-end"
                register(secret)
                seen.append(mask(secret))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == ["***"] * 160


def test_only_given_values_are_masked_where_others_must_stay() -> None:
    register("m4rked-1")
    text = 'm4rked-1 m4rked-2 Bearer abcdef "m4rked\\n2"'
    assert mask_values(text, ["m4rked-2", "m4rked\n2"]) == (
        'm4rked-1 *** Bearer abcdef "***"'
    )
