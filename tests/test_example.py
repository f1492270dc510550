"""The example that the whole project began with: files, summaries, a report."""

import asyncio
import json
from typing import Any

import pytest
from valid_fixtures import FILES, FIXTURES

from pflow_lower import lower

EXAMPLE = FIXTURES["summarize_files"].path.read_text("utf-8")
FAKE_LLM = {"llm": "nodes_for_tests:FakeLLM"}


def store_after(nodes: dict[str, str]) -> dict[str, Any]:
    store: dict[str, Any] = {}
    asyncio.run(lower(EXAMPLE, nodes=nodes).flow().run_async(store))
    return store


def test_it_lowers_without_a_warning() -> None:
    lowered = lower(EXAMPLE, name="docs")

    assert lowered.diagnostics == ()
    assert lowered.ir["nodes"][1] == {
        "id": "summarize_files",
        "type": "docs_lowered:SummarizeFiles",
        "params": {"items": "${list_files.files}"},
    }
    assert lowered.ir["edges"] == json.loads(EXAMPLE)["edges"]


def test_it_gives_results_a_count_and_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FILES)
    store = store_after(FAKE_LLM)
    summaries = [
        f"4 words: Summarize this file: {name}"
        for name in sorted(path.name for path in FILES.glob("*.txt"))
    ]

    assert store["summarize_files"] == {
        "results": summaries,
        "errors": [],
        "count": 3,
        "success_count": 3,
        "error_count": 0,
    }
    report = f"Merge these summaries into a report: {json.dumps(summaries)}"
    assert store["combine"]["response"].endswith(report)


def test_nodes_may_also_take_the_place_of_a_built_in() -> None:
    store = store_after({**FAKE_LLM, "shell": "nodes_for_tests:FakeShell"})

    assert store["list_files"]["stdout"] == "ls *.txt"
    assert store["summarize_files"]["results"] == [
        "4 words: Summarize this file: one.txt",
        "4 words: Summarize this file: two.txt",
    ]
