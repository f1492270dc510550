"""Secrets that are marked, and the raw bytes of all that a run leaves and says.

They are where people have them: in the environment, in the keys of the library llm,
and in inputs that become tokens, headers and passwords in URLs. The server repeats
them, in failures and in answers.
"""

import asyncio
import base64
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from programs import Ended
from servers import Asked, Reply, as_json, serving
from use_cases import Case, OtherSide, other_side

from pflow_lower.nodes.http.node import HttpError, HttpNode

MARK = "MARKED"
"""What every secret has in it."""

PASSWORD = f"{MARK}-p@ss w/rd"
BASIC = base64.b64encode(f"somebody:{PASSWORD}".encode()).decode()
INPUTS = {
    "token": f"{MARK}-token-01",
    "basic": BASIC,
    "header": f"{MARK}-header-02",
    "login": f"somebody:{quote(PASSWORD, safe='')}",
}
ENVIRONMENT = {"A_SERVICE_KEY": f"sk-{MARK}-key-03", "DB_PASSWORD": f"{MARK} pass 04"}
KEY = f"{MARK}-key-in-a-file-05"

SPELLINGS = {
    MARK.encode(),
    BASIC.encode(),
    # In base64 it depends on how much stands before a secret what it looks like.
    *(
        base64.b64encode(b" " * before + secret.encode())[4:-4]
        for secret in (PASSWORD, *INPUTS.values(), *ENVIRONMENT.values(), KEY)
        for before in range(3)
    ),
}

NODES: dict[str, Any] = {
    "model": ("llm", {"model": "${item.model}", "prompt": "my key, ${item.number}"}),
    "by_token": (
        "http",
        {"url": "${server}/1/echo/${item.number}", "auth_token": "${token}"},
    ),
    "by_header": (
        "http",
        {
            "url": "${server}/2/echo/${item.number}",
            "headers": {
                "Authorization": "Basic ${basic}",
                "X-Api-Key": "${header}",
                "Cookie": "session=${token}",
            },
        },
    ),
    "by_url": ("http", {"url": "http://${login}@${host}/3/echo/${item.number}"}),
    "by_shell": (
        "shell",
        {
            "command": 'echo "$A_SERVICE_KEY" "$DB_PASSWORD" >&2; exit "$N"',
            "env": {"N": "${item.number}"},
        },
    ),
    "by_code": (
        "code",
        {
            "code": "import os\nresult = 1 / n if n else None\n"
            "if n % 10 == 1: raise ValueError(dict(os.environ))",
            "inputs": {"n": "${item.number}"},
        },
    ),
}
any_node = pytest.mark.parametrize(
    "node_id",
    [
        "by_url",
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in NODES
            if each != "by_url"
        ),
    ],
)
"""All node types together are in one test; one at a time, most are slow."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OtherSide]:
    """Run a server whose failures repeat what they were sent."""
    home = tmp_path / "llm"
    home.mkdir()
    (home / "keys.json").write_text(json.dumps({"here": KEY}))
    with other_side(home, "--times", "99") as server:
        yield server


def node(node_id: str, **batch: Any) -> dict[str, Any]:
    kind, params = NODES[node_id]
    models = ("stream", "whole", "sync")
    items = [{"number": n, "model": models[n % 3]} for n in range(20)]
    return {
        "id": node_id,
        "type": kind,
        "batch": {"items": items, "parallel": True, **batch},
        "params": {**params, "timeout": 1},
    }


def run(folder: Path, server: OtherSide, *nodes: dict[str, Any]) -> Ended:
    """Run nodes one after the other, with everything that writes something."""
    ids = [node["id"] for node in nodes]
    ir = {
        "inputs": {name: {} for name in ("server", "host", *INPUTS)},
        "nodes": nodes,
        "edges": [{"from": first, "to": second} for first, second in pairwise(ids)],
        "outputs": {name: {"source": f"${{{name}}}"} for name in ids},
    }
    case = Case(folder, ir, {"LLM_USER_PATH": str(server.home), **ENVIRONMENT})
    host = server.url.removeprefix("http://")
    options = ("--events", "events", "--journal", "journal", "--progress", "always")
    inputs = {"server": server.url, "host": host, **INPUTS}
    return case.run("-v", *options, inputs=inputs)


def assert_nothing_shows(folder: Path, ended: Ended) -> None:
    """Look for the secrets in every byte that was said or written."""
    left = {"stdout": ended.stdout.encode(), "stderr": ended.stderr.encode()}
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "keys.json":
            left[str(path.relative_to(folder))] = path.read_bytes()
    assert {"events", "journal", "case_lowered.py", "case.lowered.json"} <= set(left)
    shown = [
        (name, octets[max(octets.find(each) - 40, 0) :][:80])
        for name, octets in left.items()
        for each in SPELLINGS
        if each in octets
    ]
    assert not shown


@pytest.mark.slow
def test_what_all_nodes_leave_together_holds_no_secret(
    tmp_path: Path, server: OtherSide
) -> None:
    retry = {"max_attempts": 2}
    nodes = [node(each, error_handling="continue", retry=retry) for each in NODES]
    ended = run(tmp_path, server, *nodes)
    assert ended.returncode == 0, ended.stderr
    for output in json.loads(ended.stdout).values():
        assert output["error_count"]
        assert output["success_count"]
    assert "***" in ended.stdout
    assert_nothing_shows(tmp_path, ended)


@any_node
def test_a_file_of_results_holds_no_secret(
    tmp_path: Path, server: OtherSide, node_id: str
) -> None:
    to_file = {"error_handling": "continue", "results_to": "results.jsonl"}
    ended = run(tmp_path, server, node(node_id, **to_file))
    assert ended.returncode == 0, ended.stderr
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 20
    assert_nothing_shows(tmp_path, ended)


@any_node
def test_a_run_that_fails_shows_no_secret(
    tmp_path: Path, server: OtherSide, node_id: str
) -> None:
    ended = run(tmp_path, server, node(node_id, parallel=False))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Traceback (most recent call last)" in ended.stderr
    assert "***" in ended.stderr
    assert_nothing_shows(tmp_path, ended)


@pytest.mark.parametrize(
    ("token", "repeated"), [("tea", "tea"), (INPUTS["token"], "***")]
)
def test_a_token_that_may_be_a_word_is_left_in_answers(
    token: str, repeated: str
) -> None:
    def answer(asked: Asked) -> Reply:
        return as_json({"said": token}, x_said=token)

    node = HttpNode()
    shared: dict[str, Any] = {}
    with serving(answer) as server:
        node.set_params({"url": server.url, "auth_token": token})
        asyncio.run(node._run_async(shared))
    assert shared["response"] == {"said": repeated}
    assert shared["response_headers"]["x-said"] == repeated


@pytest.mark.parametrize(
    "params",
    [
        {"params": {"api_key": INPUTS["token"]}},
        {"headers": {"Cookie": f"a=b; session={INPUTS['token']}; theme=dark"}},
        {"headers": {"Authorization": INPUTS["token"]}},
    ],
)
def test_a_failure_does_not_repeat_what_the_server_does(params: Any) -> None:
    said = f"{INPUTS['token']} is not known here"
    node = HttpNode()
    with serving(lambda asked: as_json(said, 403)) as server:
        node.set_params({"url": server.url, **params})
        with pytest.raises(HttpError, match=r"\*\*\* is not known here") as raised:
            asyncio.run(node._run_async({}))
    assert MARK not in str(raised.value)


def test_what_tells_requests_apart_is_no_secret() -> None:
    number = "7f3c-0001-2222-3333"
    node = HttpNode()
    shared: dict[str, Any] = {}
    with serving(lambda asked: as_json({"id": number})) as server:
        node.set_params({"url": server.url, "headers": {"Idempotency-Key": number}})
        asyncio.run(node._run_async(shared))
    assert shared["response"] == {"id": number}
