"""The score of a model is a measurement, so it is measured itself."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from places import ROOT
from scripted_models import NAME, Install

from bench.plan_eval import main, totals
from bench.plan_score import Expected, Score, read_requests, score
from pflow_lower.check.schema import schema_text
from pflow_lower.planner.prompt import EXAMPLES, example_text

FILES = Expected(
    request="Count the words of each .txt file in notes/",
    items=("node", "glob"),
    mentions=("notes",),
    parallel=True,
)
LANGUAGES = Expected(
    request="Say hello in German and French",
    values=(("german", "de"), ("french", "fr")),
    parallel=True,
)
GIVEN = Expected(request="Shout each word that I give", items=("input",))
SLOWLY = Expected(request="Shout a, then b", values=(("a",), ("b",)), parallel=False)
ONE = Expected(request="Summarize README.md")


def workflow(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    names = [node["id"] for node in nodes]
    edges = [{"from": name, "to": after} for name, after in pairwise(names)]
    return {"nodes": [*nodes], "edges": edges, **more}


def each(items: Any, value: str = "${word}", **more: Any) -> dict[str, Any]:
    batch = {"items": items, "as": "word", "parallel": True, **more}
    return {"id": "each", "type": "echo", "batch": batch, "params": {"value": value}}


def echo(name: str, value: Any) -> dict[str, Any]:
    return {"id": name, "type": "echo", "params": {"value": value}}


LIST = {"id": "ls", "type": "shell", "params": {"command": "ls notes/*.txt"}}
RIGHT = Score(lowers=True, batch=True, items=True, alias=True, parallel=True)


def test_a_workflow_that_is_right_has_every_point() -> None:
    assert score(FILES, workflow(LIST, each("${ls.files}"))) == RIGHT
    assert RIGHT.points == 5


def test_no_workflow_has_none() -> None:
    nothing = Score(lowers=False, batch=False, items=False, alias=False, parallel=False)

    assert score(FILES, None) == nothing
    assert score(FILES, workflow(LIST, each("${sl.files}"))) == nothing
    assert score(FILES, {"nodes": "ls"}) == nothing
    assert score(ONE, None) == Score(lowers=False, batch=False)
    assert nothing.points == 0


def test_a_batch_that_is_not_there_is_missed() -> None:
    missed = Score(lowers=True, batch=False, items=False, alias=False, parallel=False)

    assert score(FILES, workflow(LIST, echo("count", "${ls.files}"))) == missed
    assert score(GIVEN, workflow(LIST)) == missed._replace(parallel=None)


def test_a_batch_that_is_not_due_is_a_mistake() -> None:
    assert score(ONE, workflow(echo("a", "x"))) == Score(lowers=True, batch=True)
    assert score(ONE, workflow(each(["README.md"]))) == Score(lowers=True, batch=False)


@pytest.mark.parametrize(
    ("expected", "ir", "right"),
    [
        (FILES, workflow(LIST, each("${ls.files}")), True),
        (FILES, workflow(LIST, echo("b", "${ls.files}"), each("${b.value}")), True),
        (FILES, workflow(echo("ls", ["a.txt"]), each("${ls.value}")), False),
        (FILES, workflow(LIST, each(["notes/a.txt", "notes/b.txt"])), False),
        (FILES, workflow(each("${notes}"), inputs={"notes": {"type": "array"}}), False),
        (GIVEN, workflow(each("${words}"), inputs={"words": {"type": "array"}}), True),
        (GIVEN, workflow(each(["a", "b"])), False),
        (LANGUAGES, workflow(each(["German", "French"])), True),
        (LANGUAGES, workflow(each(["fr", "de"])), True),
        (LANGUAGES, workflow(each([{"to": "French"}, {"to": "German"}])), True),
        (LANGUAGES, workflow(each(["German", "French", "Latin"])), False),
        (LANGUAGES, workflow(each(["German", "Dutch"])), False),
        (LANGUAGES, workflow(each(["modern", "fresh"])), False),
        (
            LANGUAGES,
            workflow(echo("all", ["German", "French"]), each("${all.value}")),
            True,
        ),
        (LANGUAGES, workflow(echo("all", ["German"]), each("${all.value}")), False),
        (
            LANGUAGES,
            workflow(
                each("${to}"),
                inputs={"to": {"type": "array", "default": ["German", "French"]}},
            ),
            True,
        ),
        (LANGUAGES, workflow(each("${to}"), inputs={"to": {"type": "array"}}), False),
    ],
)
def test_the_right_items(expected: Expected, ir: dict[str, Any], right: bool) -> None:
    found = score(expected, ir)

    assert (found.lowers, found.batch) == (True, True)
    assert found.items is right


def test_the_items_of_a_stream() -> None:
    assert score(FILES, workflow(each({"glob": "notes/*.txt"}))) == RIGHT
    assert score(FILES, workflow(each({"glob": "other/*.txt"}))).items is False
    assert score(FILES, workflow(each({"lines": "notes/a.txt"}))).items is False


def test_an_alias_that_is_not_used() -> None:
    found = score(FILES, workflow(LIST, each("${ls.files}", value="word")))

    assert found == RIGHT._replace(alias=False)


@pytest.mark.parametrize(
    ("settings", "at_once"),
    [
        ({}, True),
        ({"max_concurrent": 2}, True),
        ({"max_concurrent": 1}, False),
        ({"parallel": False}, False),
    ],
)
def test_at_once_where_that_is_right(settings: dict[str, Any], at_once: bool) -> None:
    ir = workflow(each(["a", "b"], **settings))

    assert score(SLOWLY, ir).parallel is not at_once
    assert score(LANGUAGES, ir).parallel is at_once
    assert score(GIVEN, ir).parallel is None


def test_the_best_batch_counts() -> None:
    bad = each([1, 2], value="x") | {"id": "bad"}

    assert score(FILES, workflow(LIST, bad, each("${ls.files}"))) == RIGHT
    assert score(FILES, workflow(LIST, each("${ls.files}"), bad)) == RIGHT


def test_there_are_40_requests() -> None:
    requests = read_requests()
    streams = json.loads(schema_text())["$defs"]["batch"]["properties"]["items"]
    kinds = {"array", "input", "node", *json.dumps(streams).split('"')}

    assert len({one.request for one in requests}) == 40
    assert sum(one.batch for one in requests) == 24
    for one in requests:
        assert not (one.items and one.values)
        assert kinds.issuperset(one.items)
        assert one.batch or (one.parallel is None and not one.mentions)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_prompt_are_right(name: str) -> None:
    ir = json.loads(example_text(name))
    values = (("german",), ("french",), ("japanese",))
    expected = {
        "summarize_files": read_requests()[0],
        "translate_notes": Expected(request="", values=values, parallel=True),
    }[name]

    assert score(expected, ir) == RIGHT


def test_totals_count_what_was_asked() -> None:
    missed = Score(lowers=True, batch=False, items=False, alias=False)

    assert totals("some", [RIGHT, missed]).split() == [
        *("some", "(2)", "2/2", "1/2", "1/2", "1/2", "1/1")
    ]
    assert totals("none", []).split() == ["none", "(0)"]


def test_a_scripted_model_is_scored(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = json.dumps(workflow(echo("a", "x")))
    install(*["no idea", plain], *[plain] * 39)

    main(["--model", NAME])

    head, first, *_, due, not_due, total = capsys.readouterr().out.splitlines()
    assert head.split() == ["attempts", *Score._fields]
    assert first.split()[-6:] == ["2", "yes", "no", "no", "no", "no"]
    assert due.split()[-5:] == ["24/24", "0/24", "0/24", "0/24", "0/23"]
    assert not_due.split()[-2:] == ["16/16", "16/16"]
    assert total.split()[-5:] == ["40/40", "16/40", "0/24", "0/24", "0/23"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", ""], "no model is given: make plan-eval MODEL=name"),
        (
            ["--model", "no-such-model"],
            "plan-eval: error: Unknown model: no-such-model",
        ),
        (["--model", "echo", "--attempts", "0"], "--attempts must be at least 1"),
    ],
)
def test_a_model_that_cannot_be_scored(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bench.plan_eval", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
