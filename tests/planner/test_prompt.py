"""The prompt says what this version knows: catalog, schema, examples that lower."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from pflow_lower import lower
from pflow_lower.check.schema import schema_text
from pflow_lower.nodetypes.catalog import BATCH_OUTPUTS, Catalog, ImportReference
from pflow_lower.planner.prompt import EXAMPLES, again, example_text, instructions

PROMPT = instructions({})
SCHEMA = json.loads(schema_text())
FENCED = re.compile(
    r"^Request: ([^\n]+)\n\n```json\n(.+?)\n```", re.MULTILINE | re.DOTALL
)


def lines(beginning: str) -> Iterator[str]:
    for line in PROMPT.splitlines():
        if line.strip().startswith(beginning):
            yield line


@pytest.mark.parametrize("name", Catalog().names)
def test_it_tells_of_every_node_type(name: str) -> None:
    known = Catalog().find(name)
    assert known is not None
    assert known.outputs is not None
    _, _, after = PROMPT.partition(f"\n- `{name}`: ")
    about, params, outputs, *_ = after.splitlines()

    assert about
    assert params.startswith("  - params: ")
    for param in known.params or ():
        required = " (required)" if param in known.required else ""
        assert f"`{param}`{required}" in re.split(": |, ", params)
    assert outputs.startswith("  - outputs: ")
    assert re.findall(r"`(\w+)` \(", outputs) == list(known.outputs)
    assert outputs.count("; primary)") == 1


def keys(schema: Any) -> Iterator[str]:
    """Give the name of each key anywhere in a schema."""
    if isinstance(schema, list):
        for each in schema:
            yield from keys(each)
    elif isinstance(schema, dict):
        yield from schema.get("properties", ())
        for each in schema.values():
            yield from keys(each)


@pytest.mark.parametrize("key", sorted(set(keys(SCHEMA))))
def test_it_tells_of_every_key(key: str) -> None:
    assert any(lines(f"- `{key}` ("))


def test_every_key_of_a_batch_stands_under_batch() -> None:
    section = PROMPT.partition("\n### batch\n")[2].partition("\n### ")[0]

    assert re.findall(r"^- `(\w+)` \(", section, re.MULTILINE) == [
        *SCHEMA["$defs"]["batch"]["properties"]
    ]


def test_it_tells_of_the_outputs_of_a_batch() -> None:
    assert all(f"`{name}`" in PROMPT for name in [*BATCH_OUTPUTS][1:])
    assert "${node_id.results}" in PROMPT


def test_no_place_is_left_empty() -> None:
    assert "{{" not in PROMPT
    assert "None" not in PROMPT


def test_every_example_is_in_it_with_its_request() -> None:
    assert FENCED.findall(PROMPT) == [
        (json.loads(text)["description"], text.rstrip())
        for text in map(example_text, EXAMPLES)
    ]


def test_every_example_in_the_package_is_used() -> None:
    folder = files("pflow_lower.planner").joinpath("examples")

    assert {each.name for each in folder.iterdir()} == {
        f"{name}.json" for name in EXAMPLES
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_lowers_without_a_warning(name: str) -> None:
    lowered = lower(example_text(name), name=name)

    assert lowered.diagnostics == ()
    assert "BatchStep" in lowered.module


@pytest.mark.parametrize(
    "items",
    [
        *('{"glob": "notes/*.md"}', '{"csv": "people.csv"}', '{"jsonl": "log.jsonl"}'),
        *('{"lines": "urls.txt"}', '"${list_files.files}"'),
    ],
)
def test_the_items_that_the_rules_show_lower(items: str) -> None:
    assert f"`{items}`" in PROMPT

    workflow = {
        "nodes": [
            {"id": "list_files", "type": "shell", "params": {"command": "ls"}},
            {
                "id": "count",
                "type": "shell",
                "batch": {"items": json.loads(items), "as": "file"},
                "params": {"command": ["wc", "-l", "${file}"]},
            },
        ],
        "edges": [{"from": "list_files", "to": "count"}],
    }

    assert lower(workflow).diagnostics == ()


def test_a_type_of_ones_own_takes_the_place_of_a_built_in_one() -> None:
    own = {"llm": ImportReference("acme", "Ask"), "mail": ImportReference("acme", "M")}
    told = instructions(own)

    assert "\n- `llm`: a node type of this project, acme:Ask.\n" in told
    assert "\n- `mail`: a node type of this project, acme:M.\n" in told
    assert told.count("\n- `llm`: ") == 1
    assert "llm_usage" not in told


def test_the_second_prompt_holds_the_reply_and_what_is_wrong_with_it() -> None:
    assert again("Do it", "{}", "reply:1:1: error[PFL102]: it lacks nodes") == (
        "Do it\n\n"
        "Your last reply to this was:\n\n```json\n{}\n```\n\n"
        "It is not a valid workflow. These are the problems, as line:column "
        "of your reply:\n\n```\nreply:1:1: error[PFL102]: it lacks nodes\n```\n\n"
        "Reply with the whole corrected workflow: one JSON object and nothing else."
    )
