import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast, get_args

import llm
import pytest
from language_models import Fault, LanguageModel
from servers import Asked, Reply, serving

from pflow_lower.nodes.llm.errors import ModelError
from pflow_lower.nodes.llm.models import UnknownModelError
from pflow_lower.nodes.llm.node import LLMNode
from pflow_lower.runtime.batch.retry import Retry, http_status, retry_after
from pflow_lower.support.resources import sharing

KEY = "sk-m4rked-0123456789"
"""What must be in no output and in no error."""

PATIENCE = 60

MODELS = {
    "stream": "",
    "whole": "can_stream: false",
    "sync": "completion: true",
}
"""Models that stream their answers, do not, and can only be asked synchronously."""

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d"
    "49444154789c6360000002000005000150a2d2a40000000049454e44ae426082"
)


async def ask(**params: Any) -> dict[str, Any]:
    node = LLMNode()
    node.set_params({"timeout": PATIENCE} | params)
    shared: dict[str, Any] = {}
    assert await node._run_async(shared) == "default"
    return shared


def answer(**params: Any) -> dict[str, Any]:
    return asyncio.run(ask(**params))


def failure(kind: type[Exception] = ModelError, **params: Any) -> Any:
    with pytest.raises(kind) as raised:
        answer(**params)
    assert KEY not in str(raised.value)
    return raised.value


def echoed(**params: Any) -> Any:
    return json.loads(answer(model="echo", **params)["response"])


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the library a place of its own, with a key in it."""
    monkeypatch.setenv("LLM_USER_PATH", str(tmp_path))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (tmp_path / "keys.json").write_text(json.dumps({"here": KEY}))
    return tmp_path


def faulty(prompt: str, before: int) -> Fault | None:
    """Give the fault that a prompt names, the first so often as it says."""
    fault, _, times = prompt.partition(" ")
    for known in get_args(Fault):
        if fault == known and before < int(times or 1):
            return cast("Fault", known)
    return None


@pytest.fixture
def model(home: Path) -> Iterator[LanguageModel]:
    """Run a model that the library knows under the names of `MODELS`."""
    model = LanguageModel(faulty)
    with serving(model) as server:
        configure(home, server.url)
        yield model


def configure(home: Path, url: str) -> None:
    about = (
        "model_name: m\n  api_key_name: here\n  supports_schema: true\n  vision: true"
    )
    (home / "extra-openai-models.yaml").write_text(
        "".join(
            f"- model_id: {name}\n  api_base: {url}/v1\n  {about}\n  {more}\n"
            for name, more in MODELS.items()
        )
    )


class TestOffline:
    def test_answers(self) -> None:
        shared = answer(prompt="Hello there", model="echo", system="Be brief")
        said = json.loads(shared.pop("response"))
        assert (said["prompt"], said["system"]) == ("Hello there", "Be brief")
        usage = shared["llm_usage"]
        assert shared == {"model": "echo", "llm_usage": usage}
        assert usage["input_tokens"] == 4
        assert usage["total_tokens"] == 4 + usage["output_tokens"]

    def test_objects_are_asked_about_as_json(self) -> None:
        assert echoed(prompt=["a", {"b": 1}])["prompt"] == '["a", {"b": 1}]'

    def test_options_of_the_model(self) -> None:
        options = echoed(prompt="a", model_options={"example_bool": True})["options"]
        assert options == {"example_bool": True}

    def test_an_answer_is_streamed_unless_it_should_not_be(self) -> None:
        assert echoed(prompt="a")["stream"] is True
        assert echoed(prompt="a", model_options={"stream": False})["stream"] is False

    def test_without_a_model_the_default_of_the_library(self, home: Path) -> None:
        (home / "default_model.txt").write_text("echo")
        assert answer(prompt="a")["model"] == "echo"
        assert answer(prompt="a", model=None)["model"] == "echo"

    def test_an_alias_does_for_a_name(self, home: Path) -> None:
        (home / "aliases.json").write_text('{"parrot": "echo"}')
        assert answer(prompt="a", model="parrot")["model"] == "echo"

    def test_a_synchronous_model_is_asked_on_a_thread(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def only_synchronous(name: str | None = None) -> Any:
            raise llm.UnknownModelError(name)

        threads: set[str] = set()
        echo = type(llm.get_model("echo"))
        execute = echo.execute

        def noted(*arguments: Any, **named: Any) -> Any:
            threads.add(threading.current_thread().name)
            return execute(*arguments, **named)

        monkeypatch.setattr(llm, "get_async_model", only_synchronous)
        monkeypatch.setattr(echo, "execute", noted)
        assert echoed(prompt="a")["prompt"] == "a"
        assert threads == {"pflow-lower aside"}

    def test_nothing_is_written_to_the_log_of_the_library(self, home: Path) -> None:
        echoed(prompt="a")
        assert [path.name for path in home.iterdir()] == ["keys.json"]

    def test_images_are_paths_or_urls(self, tmp_path: Path) -> None:
        path = tmp_path / "a.png"
        path.write_bytes(PNG)
        images = [str(path), "http://127.0.0.1:9/b.jpg?c=d"]
        first, second = echoed(prompt="", images=images)["attachments"]
        assert (first["type"], first["path"]) == ("image/png", str(path))
        assert (second["type"], second["url"]) == ("image/jpeg", images[1])
        assert len(echoed(prompt="a", images=str(path))["attachments"]) == 1

    def test_of_what_type_an_image_is_its_server_knows(self) -> None:
        headers = {"content-type": "image/gif"}
        with serving(lambda asked: Reply(headers=headers)) as server:
            [image] = echoed(prompt="a", images=[f"{server.url}/x"])["attachments"]
        assert image["type"] == "image/gif"
        assert [asked.method for asked in server.asked] == ["HEAD"]


class TestWhatCannotBeAsked:
    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({}, 'param "prompt": expected text, found nothing'),
            (
                {"prompt": " \n"},
                'param "prompt": expected text, found only white space',
            ),
            ({"model": 5}, 'param "model": expected a string, found the number 5'),
            ({"timeout": -1}, 'param "timeout": expected a number of seconds above 0'),
            (
                {"temperature": 1},
                'param "temperature": model "echo" has no such option'
                " (it has example_bool, thinking)",
            ),
            (
                {"max_tokens": 1},
                'param "max_tokens": model "echo" has no such option'
                " (it has example_bool, thinking)",
            ),
            (
                {"model_options": {"a": 1, "example_bool": KEY}},
                'model "echo" does not take these options: "example_bool": Input should'
                " be a valid boolean, unable to interpret input; it has no option"
                ' "a" (it has example_bool, thinking)',
            ),
            ({"model_options": []}, 'param "model_options": expected an object'),
            (
                {"output_schema": {}},
                'param "output_schema": model "echo" does not support schemas',
            ),
            (
                {"output_schema": "a"},
                'param "output_schema": expected a JSON schema, found a string',
            ),
            ({"images": 5}, "expected paths or URLs of images, found a number"),
            (
                {"images": [""]},
                "expected paths or URLs of images, found an empty string",
            ),
            ({"images": "none.png"}, "No such file or directory: 'none.png'"),
            (
                {"images": __file__},
                'param "images": model "echo" takes image/gif, image',
            ),
            ({"images": "http://127.0.0.1:9/x"}, "Connection refused"),
        ],
    )
    def test_is_an_error_that_names_it(
        self, params: dict[str, Any], message: str
    ) -> None:
        prompt = {"prompt": "Hello"} if params else {}
        error = failure(Exception, **({"model": "echo"} | prompt | params))
        assert isinstance(error, TypeError | ValueError | OSError | ModelError)
        assert message in str(error)

    def test_a_model_that_takes_no_images(self, home: Path) -> None:
        (home / "extra-openai-models.yaml").write_text(
            "- model_id: blind\n  model_name: m\n  api_base: http://127.0.0.1:9/v1\n"
        )
        error = failure(ValueError, prompt="a", model="blind", images=__file__)
        assert str(error) == 'param "images": model "blind" does not take images'

    def test_a_model_that_nobody_knows(self) -> None:
        error = failure(UnknownModelError, prompt="a", model="ecco")
        assert str(error) == (
            'no model is called "ecco": did you mean "echo"? "llm models" lists the '
            'installed models, "llm install" adds a plugin with more'
        )

    def test_a_model_whose_key_is_missing(self) -> None:
        error = failure(prompt="a", model="echo-needs-key")
        assert str(error) == (
            'model "echo-needs-key": No key found - add one using \'llm keys set '
            "echo-needs-key' or set the LLM_ECHO_NEEDS_KEY_KEY environment variable"
        )
        assert type(error).__name__ == "NeedsKeyException"


@pytest.mark.parametrize("name", MODELS)
class TestAgainstAServer:
    def test_answers(self, model: LanguageModel, name: str) -> None:
        shared = answer(prompt="what is it", model=name)
        assert shared["response"] == "WHAT IS IT"
        assert shared["model"] == name
        [exchange] = model.log
        assert (exchange.prompt, exchange.key) == ("what is it", KEY)
        assert exchange.streamed == (name != "whole")
        if name != "sync":  # of those the library tells no usage
            tokens = {"input_tokens": 3, "output_tokens": 3, "total_tokens": 6}
            assert shared["llm_usage"] == tokens

    def test_params_become_options(self, model: LanguageModel, name: str) -> None:
        answer(
            prompt="a",
            model=name,
            temperature=0.5,
            max_tokens=7,
            model_options={"top_p": 0.25},
        )
        asked = model.log[0].asked
        assert (asked["temperature"], asked["max_tokens"]) == (0.5, 7)
        assert asked["top_p"] == 0.25

    def test_one_that_is_given_twice_is_an_error(
        self, model: LanguageModel, name: str
    ) -> None:
        options = {"temperature": 1}
        error = failure(
            ValueError, prompt="a", model=name, temperature=1, model_options=options
        )
        assert (
            str(error) == 'give either "temperature" or the model option "temperature"'
        )

    @pytest.mark.parametrize(
        ("fault", "told", "said"),
        [
            ("rate-limited", (429, 0.01), "Error code: 429 - slow down, ***"),
            ("broken", (500, None), "Error code: 500 - it broke for ***"),
            ("refused", (401, None), "Error code: 401 - Incorrect API key provided: *"),
            ("dropped", (None, None), "Connection error: Server disconnected"),
            ("cut", (None, None), "Connection error: peer closed connection"),
            ("malformed", (None, None), "the answer is not valid JSON: Expecting"),
        ],
    )
    def test_a_failure_says_what_the_server_said(
        self, model: LanguageModel, name: str, fault: str, told: object, said: str
    ) -> None:
        error = failure(prompt=fault, model=name)
        assert str(error).startswith(f'model "{name}": {said}')
        assert (error.status_code, error.retry_after) == told
        assert (http_status(error), retry_after(error)) == told
        assert len(model.log) == 1, "only the batch tries again"

    def test_a_hanging_request_is_cancelled(
        self, model: LanguageModel, name: str
    ) -> None:
        error = failure(TimeoutError, prompt="hanging", model=name, timeout=0.2)
        assert str(error) == f'model "{name}" did not answer within 0.2 s'

    def test_a_server_that_is_not_there(self, home: Path, name: str) -> None:
        configure(home, "http://127.0.0.1:9")
        error = failure(prompt="a", model=name)
        assert str(error) == f'model "{name}": Connection error: Connection refused'

    def test_requests_of_a_run_share_their_connections(
        self, home: Path, name: str
    ) -> None:
        async def run() -> None:
            async with sharing():
                # The provider's synchronous client keeps no connection that streamed.
                options = {"stream": name == "stream"}
                for number in range(4):
                    await ask(prompt=f"{number}", model=name, model_options=options)

        with serving(LanguageModel()) as server:
            configure(home, server.url)
            for _ in range(2):
                asyncio.run(run())
        assert [asked.connection for asked in server.asked] == [1] * 4 + [2] * 4

    def test_they_are_as_many_at_once_as_are_made(
        self, model: LanguageModel, name: str
    ) -> None:
        async def run() -> None:
            async with sharing():
                asking = [
                    asyncio.create_task(ask(prompt=f"hanging 99 {number}", model=name))
                    for number in range(30)
                ]
                while len(model.log) < 30:
                    await asyncio.sleep(0.005)
                for task in asking:
                    task.cancel()
                await asyncio.wait(asking)

        model._fault = lambda prompt, before: "hanging"
        asyncio.run(asyncio.wait_for(run(), PATIENCE))


SCHEMA = {"type": "object", "properties": {"a": {"type": "number"}}}


class TestAnswersThatAreObjects:
    @pytest.mark.parametrize("name", ["stream", "whole"])
    @pytest.mark.parametrize("schema", [SCHEMA, json.dumps(SCHEMA)])
    def test_with_a_schema(
        self, model: LanguageModel, name: str, schema: object
    ) -> None:
        model._reply = lambda prompt: '{"a": 1.5}'
        shared = answer(prompt="a", model=name, output_schema=schema)
        assert shared["response"] == {"a": 1.5}
        asked = model.log[0].asked["response_format"]["json_schema"]["schema"]
        assert asked == SCHEMA

    def test_one_that_is_none_is_a_failure(self, model: LanguageModel) -> None:
        error = failure(prompt="a b", model="stream", output_schema=SCHEMA)
        assert str(error) == (
            'model "stream": the answer is not valid JSON, although there is '
            "an output_schema: Expecting value: line 1 column 1 (char 0): A B"
        )


class TestFailures:
    def test_a_stream_that_ends_too_early_is_no_answer(
        self, model: LanguageModel
    ) -> None:
        error = failure(prompt="short", model="stream")
        assert str(error) == 'model "stream": the answer is incomplete'

    def test_an_answer_of_another_kind_is_a_failure(self, home: Path) -> None:
        page = Reply(b"<html>hello", headers={"content-type": "text/html"})
        with serving(lambda asked: page) as server:
            configure(home, server.url)
            error = failure(prompt="a", model="whole")
        assert type(error) is ModelError
        assert str(error).startswith('model "whole": the answer cannot be read: ')

    def test_has_the_type_that_the_provider_gave_it(self, model: LanguageModel) -> None:
        error = failure(prompt="rate-limited", model="whole")
        assert type(error).__name__ == "RateLimitError"
        for name in ("RateLimitError", "APIStatusError", "ModelError", 429):
            assert Retry(max_attempts=2, on=(name,)).tries_again(error, 1)

    def test_is_tried_again_unless_it_is_permanent(self, model: LanguageModel) -> None:
        retry = Retry(max_attempts=2)
        for fault in ("rate-limited", "broken", "dropped", "cut", "malformed"):
            assert retry.tries_again(failure(prompt=fault, model="whole"), 1)
        assert not retry.tries_again(failure(prompt="refused", model="whole"), 1)

    def test_keeps_nothing_that_holds_the_key(self, model: LanguageModel) -> None:
        error = failure(prompt="refused", model="whole")
        assert error.__cause__ is None
        assert error.__suppress_context__
        assert not hasattr(error, "request")

    def test_a_thread_that_goes_on_is_logged(
        self, model: LanguageModel, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING, "pflow_lower.nodes"):
            failure(TimeoutError, prompt="hanging", model="sync", timeout=0.2)
        assert caplog.messages == ["a thread goes on; its result will be dropped"]


class TestKeys:
    def test_of_the_environment_are_used_and_masked(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LLM_ECHO_NEEDS_KEY_KEY", KEY)
        shared = answer(prompt="a", model="echo-needs-key")
        assert json.loads(shared["response"])["key"] == "***"

    def test_of_the_library_are_used_and_masked(self, home: Path) -> None:
        (home / "keys.json").write_text(json.dumps({"echo-needs-key": KEY}))
        shared = answer(prompt="a", model="echo-needs-key")
        assert json.loads(shared["response"])["key"] == "***"
        assert KEY not in repr(shared)

    def test_an_answer_that_repeats_one_is_masked_and_else_left_alone(
        self, model: LanguageModel
    ) -> None:
        said = f"{KEY} Bearer abcdef https://me:you@example.org"
        model._reply = lambda prompt: said
        shared = answer(prompt="a", model="stream")
        assert shared["response"] == said.replace(KEY, "***")

    def test_headers_that_hold_one_are_masked_too(self, home: Path) -> None:
        secret = "m4rked-header-1234"

        def refuse(asked: Asked) -> Reply:
            return Reply(asked.headers["x-api-key"].encode(), 403)

        with serving(refuse) as server:
            (home / "extra-openai-models.yaml").write_text(
                f"- model_id: mine\n  model_name: m\n  api_base: {server.url}/v1\n"
                f"  headers:\n    X-Api-Key: {secret}\n"
            )
            error = failure(prompt="a", model="mine")
        assert secret not in str(error)
        assert "403" in str(error)
