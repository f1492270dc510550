"""The four use cases of batches, end to end, with several items at a time or one.

How many requests were under way at once is what the other side has seen of it.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from use_cases import Case, other_side, workflow

slow = pytest.mark.slow
either_way = pytest.mark.parametrize(
    "parallel", [True, pytest.param(False, marks=slow)]
)


def crowd(parallel: bool, at_once: int = 10) -> tuple[str, ...]:
    """Have the server wait until as many have come as there should be at once."""
    return ("--crowd", str(at_once if parallel else 1))


@either_way
def test_a_hundred_files_are_processed(tmp_path: Path, parallel: bool) -> None:
    texts, target = tmp_path / "texts", tmp_path / "out"
    texts.mkdir()
    for n in range(100):
        (texts / f"{n:03}.txt").write_text("tea or rum " * n + "é\n", "utf-8")
    case = Case(tmp_path, workflow("count_words", parallel=parallel))
    outputs = case.outputs(inputs={"folder": "texts", "target": "out"})
    counted = [
        {"name": f"{n:03}", "words": 3 * n + 1, "different": 4 if n else 1}
        for n in range(100)
    ]
    assert outputs == {"counted": counted, "report": "out/report.txt"}
    written = [json.loads(path.read_text()) for path in sorted(target.glob("*.json"))]
    assert written == counted
    report = (target / "report.txt").read_text()
    assert report == "100 of 100 files, 14950 words\n"


@either_way
@pytest.mark.parametrize(
    "model", ["stream", *(pytest.param(each, marks=slow) for each in ("whole", "sync"))]
)
def test_fifty_documents_are_summarised(
    tmp_path: Path, model: str, parallel: bool
) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    for n in range(50):
        (texts / f"{n:03}.txt").write_text(f"document {n}\n\nabout tea")
    options = ("--latency", "0.05", *crowd(parallel))
    with other_side(tmp_path / "llm", *options) as server:
        environment = {"LLM_USER_PATH": str(server.home)}
        case = Case(tmp_path, workflow("summarise", parallel=parallel), environment)
        inputs = {"folder": "texts", "model": model, "report": "report.json"}
        outputs = case.outputs(inputs=inputs)
        assert len(server.log()) == 50
        assert server.most_under_way() == (10 if parallel else 1)
    summaries = [
        f"SUMMARISE IN ONE SENTENCE: DOCUMENT {n}\n\nABOUT TEA" for n in range(50)
    ]
    assert outputs == {"summaries": summaries}
    assert json.loads((tmp_path / "report.json").read_text()) == summaries


@either_way
def test_twenty_endpoints_are_fetched(tmp_path: Path, parallel: bool) -> None:
    names = [f"drink {n}" for n in range(20)]
    with other_side(tmp_path / "llm", *crowd(parallel)) as server:
        case = Case(tmp_path, workflow("fetch", parallel=parallel))
        outputs = case.outputs(inputs={"server": server.url, "names": names})
        assert len(server.log()) == 20
        assert server.most_under_way() == (10 if parallel else 1)
    fetched = [
        {"path": f"/drinks/drink%20{n}", "query": f"position={n}"} for n in range(20)
    ]
    assert outputs == {"fetched": fetched, "count": 20}


@either_way
def test_a_document_is_translated_into_ten_languages(
    tmp_path: Path, parallel: bool
) -> None:
    (tmp_path / "tea.txt").write_text("Tea is made of leaves.")
    with other_side(tmp_path / "llm", *crowd(parallel)) as server:
        ir: Any = workflow("translate", parallel=parallel)
        case = Case(tmp_path, ir, {"LLM_USER_PATH": str(server.home)})
        outputs = case.outputs(inputs={"file": "tea.txt", "model": "stream"})
        assert len(server.log()) == 10
        assert server.most_under_way() == (10 if parallel else 1)
    languages = ir["nodes"][1]["batch"]["items"]
    assert len(languages) == 10
    assert outputs["translations"] == [
        f"TRANSLATE INTO {language.upper()}: TEA IS MADE OF LEAVES."
        for language in languages
    ]
