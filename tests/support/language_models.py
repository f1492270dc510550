"""A language model by the protocol of OpenAI, for tests and benchmarks.

`with serving(LanguageModel()) as server:` runs it in a thread. As a program it has a
process of its own, and so shares no interpreter with what is measured:
`python tests/language_models.py --latency 0.05` prints its URL, answers until its
standard input is closed, and gives its log at `/log`.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from servers import Asked, Reply, as_json, serving

_EVENTS = {"content-type": "text/event-stream"}

Fault = Literal[
    "rate-limited",
    "broken",
    "refused",
    "dropped",
    "cut",
    "malformed",
    "hanging",
    "short",
]
"""What can go wrong: "cut" and "short" are answers that end too early, the latter as
if that were the end."""


@dataclass
class Exchange:
    """What a model was asked, and how that went; no fault means that it answered."""

    prompt: str
    model: str
    streamed: bool
    key: str
    fault: Fault | None
    asked: Any = field(repr=False)


class LanguageModel:
    """A model by the protocol of OpenAI: it says what it was asked, in upper case.

    It streams if asked to. `fault` tells by the prompt, and by how often it has
    come before, what goes wrong; `latency` is in seconds.
    """

    def __init__(
        self,
        fault: Callable[[str, int], Fault | None] = lambda prompt, before: None,
        latency: float = 0.0,
        reply: Callable[[str], str] = str.upper,
    ) -> None:
        self.log: list[Exchange] = []
        self._fault = fault
        self._latency = latency
        self._reply = reply
        self._times: dict[str, int] = {}

    def __call__(self, asked: Asked) -> Reply:
        if asked.target == "/log":
            return as_json([vars(exchange) for exchange in self.log])
        question = asked.json
        prompt = _prompt_of(question)
        before = self._times.get(prompt, 0)
        self._times[prompt] = before + 1
        fault = self._fault(prompt, before)
        streamed = bool(question.get("stream"))
        key = asked.headers.get("authorization", "").removeprefix("Bearer ")
        self.log.append(
            Exchange(prompt, question["model"], streamed, key, fault, question)
        )
        reply = _faulty(fault, key, streamed) if fault else None
        if reply is None:
            reply = _said(self._reply(prompt), question)
        if fault in ("cut", "dropped", "hanging"):
            reply.ending = fault
        if fault == "short" and isinstance(reply.body, list):
            reply.body = reply.body[:2]
        reply.after = self._latency
        return reply


def _prompt_of(question: Any) -> str:
    if "prompt" in question:
        prompt: str = question["prompt"]
        return prompt
    content = question["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def _faulty(fault: Fault, key: str, streamed: bool) -> Reply | None:
    """Give the reply where something is wrong; most servers repeat the key then."""
    match fault:
        case "rate-limited":
            error = {"message": f"slow down, {key}", "type": "requests"}
            return as_json({"error": error}, 429, retry_after="0.01")
        case "broken":
            return as_json({"error": {"message": f"it broke for {key}"}}, 500)
        case "refused":
            error = {"message": f"Incorrect API key provided: {key}."}
            return as_json({"error": error}, 401)
        case "malformed":
            broken = b'{"id": "x", '
            if not streamed:
                return Reply(broken, headers={"content-type": "application/json"})
            event = b"data: %s\n\n" % broken
            return Reply([event], headers=_EVENTS)
    return None


def _said(text: str, question: Any) -> Reply:
    """Give an answer, which for a model that completes texts is a `text`."""
    is_chat = "messages" in question
    usage = {"prompt_tokens": len(_prompt_of(question).split())}
    usage["completion_tokens"] = len(text.split())
    usage["total_tokens"] = sum(usage.values())
    about = {"id": "1", "created": 1, "model": question["model"]}
    if not question.get("stream"):
        message: dict[str, Any] = {"role": "assistant", "content": text}
        said = {"message": message} if is_chat else {"text": text}
        choice = {"index": 0, "finish_reason": "stop", **said}
        kind = "chat.completion" if is_chat else "text_completion"
        return as_json(about | {"object": kind, "choices": [choice], "usage": usage})
    half = len(text) // 2
    events: list[dict[str, Any]] = [
        {"choices": [_piece(text[:half], None, is_chat)]},
        {"choices": [_piece(text[half:], None, is_chat)]},
        {"choices": [_piece("", "stop", is_chat)]},
        {"choices": [], "usage": usage},
    ]
    about["object"] = "chat.completion.chunk" if is_chat else "text_completion"
    chunks = [b"data: %s\n\n" % json.dumps(about | one).encode() for one in events]
    return Reply([*chunks, b"data: [DONE]\n\n"], headers=_EVENTS)


def _piece(text: str, finish_reason: str | None, is_chat: bool) -> dict[str, Any]:
    said = {"delta": {"content": text}} if is_chat else {"text": text}
    return {"index": 0, "finish_reason": finish_reason, **said}


def main() -> None:
    parser = argparse.ArgumentParser(description="a language model that shouts")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    arguments = parser.parse_args()
    with serving(LanguageModel(latency=arguments.latency)) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
