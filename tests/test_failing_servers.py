"""Batches against a server that fails three requests of ten, in six ways.

It drops connections, says 429 or 500, sends what is no JSON, breaks off, or does
not answer. What the program reports has to be what the server has in its log.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from language_models import Fault
from programs import lines_of
from use_case_server import MODELS, Request
from use_cases import Case, other_side

COUNT = 100
TIMEOUT = 4
"""Seconds for an answer: the server gives those that it gives at once."""

NODES: dict[str, Any] = {
    "llm": {"model": "${item.model}", "prompt": "document ${item.number}"},
    "http": {"url": "${server}/documents/${item.number}"},
}
TYPES: dict[str, dict[Fault | None, str]] = {
    "llm": {
        "rate-limited": "RateLimitError",
        "broken": "InternalServerError",
        "dropped": "APIConnectionError",
        "malformed": "JSONDecodeError",
        "hanging": "TimeoutError",
        "cut": "APIConnectionError",
    },
    "http": {
        "rate-limited": "HttpError",
        "broken": "HttpError",
        "dropped": "ConnectionError",
        "malformed": "HttpError",
        "hanging": "TimeoutError",
        "cut": "ConnectionError",
    },
}
"""What the records of failures say."""

both_nodes = pytest.mark.parametrize(
    "kind", ["http", pytest.param("llm", marks=pytest.mark.slow)]
)


def ask(
    folder: Path, kind: str, times: int, **batch: Any
) -> tuple[dict[str, Any], dict[str, list[Request]], list[dict[str, Any]]]:
    """Run a batch; give its outputs, the log of the server by subject, the events."""
    items = [
        {"number": number, "model": list(MODELS)[number % len(MODELS)]}
        for number in range(COUNT)
    ]
    parallel = {"parallel": True, "max_concurrent": 30, "error_handling": "continue"}
    node = {
        "id": "ask",
        "type": kind,
        "batch": {"items": items, **parallel, **batch},
        "params": {**NODES[kind], "timeout": TIMEOUT},
    }
    inputs = {"server": {"type": "string"}}
    outputs = {"asked": {"source": "${ask}"}}
    ir = {"inputs": inputs, "nodes": [node], "outputs": outputs}
    with other_side(folder / "llm", "--times", str(times)) as server:
        case = Case(folder, ir, {"LLM_USER_PATH": str(server.home)})
        ended = case.outputs("--events", "events", inputs={"server": server.url})
        log: dict[str, list[Request]] = {}
        for request in server.log():
            log.setdefault(request.subject, []).append(request)
    return ended["asked"], log, lines_of(folder / "events")


def subject(kind: str, number: int) -> str:
    return f"document {number}" if kind == "llm" else f"/documents/{number}"


def result(kind: str, number: int) -> Any:
    path = f"/documents/{number}"
    return f"DOCUMENT {number}" if kind == "llm" else {"path": path, "query": ""}


@pytest.mark.slow
@both_nodes
def test_what_fails_and_what_does_not_agree_with_the_log_of_the_server(
    tmp_path: Path, kind: str
) -> None:
    asked, log, events = ask(tmp_path, kind, times=COUNT)
    assert {len(requests) for requests in log.values()} == {1}
    faults = [log[subject(kind, number)][0].fault for number in range(COUNT)]
    assert Counter(filter(None, faults)) == dict.fromkeys(TYPES[kind], 5)
    assert asked["results"] == [
        None if fault else result(kind, number) for number, fault in enumerate(faults)
    ]
    assert [
        (record["index"], record["item"]["number"], record["type"])
        for record in asked["errors"]
    ] == [
        (number, number, TYPES[kind][fault])
        for number, fault in enumerate(faults)
        if fault
    ]
    counts = {"count": 100, "success_count": 70, "error_count": 30}
    assert asked.items() >= counts.items()
    assert events[-1].items() >= counts.items()
    told = Counter(event["kind"] for event in events)
    assert (told["item_finished"], told["item_failed"]) == (70, 30)


@both_nodes
def test_what_succeeds_at_a_later_attempt_agrees_with_the_log_of_the_server(
    tmp_path: Path, kind: str
) -> None:
    retry = {"max_attempts": 3, "wait": 0.01, "backoff": 2}
    asked, log, events = ask(tmp_path, kind, times=1, retry=retry)
    assert asked == {
        "results": [result(kind, number) for number in range(COUNT)],
        "errors": [],
        "count": COUNT,
        "success_count": COUNT,
        "error_count": 0,
    }
    attempts = {
        event["index"]: event["attempt"]
        for event in events
        if event["kind"] == "item_finished"
    }
    assert attempts == {
        number: len(log[subject(kind, number)]) for number in range(COUNT)
    }
    assert Counter(attempts.values()) == {1: 70, 2: 15, 3: 15}
    retried = Counter(
        event["index"] for event in events if event["kind"] == "item_retried"
    )
    faulty = {
        number: sum(bool(request.fault) for request in log[subject(kind, number)])
        for number in range(COUNT)
    }
    assert retried == {number: count for number, count in faulty.items() if count}


@both_nodes
@pytest.mark.slow
def test_with_one_attempt_too_few_the_log_tells_which_are_lost(
    tmp_path: Path, kind: str
) -> None:
    asked, log, _ = ask(tmp_path, kind, times=1, retry={"max_attempts": 2})
    lost = [
        number
        for number in range(COUNT)
        if all(request.fault for request in log[subject(kind, number)])
    ]
    assert len(lost) == 15
    assert [record["index"] for record in asked["errors"]] == lost
    answered = [each for each in asked["results"] if each is not None]
    expected = [result(kind, n) for n in range(COUNT) if n not in lost]
    assert json.dumps(answered) == json.dumps(expected)
