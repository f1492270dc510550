import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pflow_lower.planner.reply import find_workflow

GOOD = '{"nodes": [{"id": "a", "type": "echo", "params": {"value": "{${x}"}}]}'
NODE = '{"id": "a", "type": "echo"}'
OTHER = '{"nodes": [{"id": "b", "type": "echo"}]}'


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (GOOD, GOOD),
        (f"  {GOOD}\n", GOOD),
        (f"\ufeff{GOOD}", GOOD),
        (f"```json\n{GOOD}\n```", GOOD),
        (f"```\n{GOOD}\n```\nDone.", GOOD),
        (f"````json\n{GOOD}\n````", GOOD),
        (f"Here it is: {GOOD} I hope it helps.", GOOD),
        (f"It says \"so and it's {{done}}.\n{GOOD}", GOOD),
        (f"A node is {NODE}.\n\n{GOOD}\n\nIts value is {{}}.", GOOD),
        (f"First {OTHER}, but no, I mean {GOOD}", GOOD),
        (f"A brace, {{, opens an object:\n{GOOD}", GOOD),
        (f"A brace, }}, closes an object:\n{GOOD}", GOOD),
        (f"<think>{OTHER}</think>\n{GOOD}", GOOD),
        (f'{{"workflow": {GOOD}}}', f'{{"workflow": {GOOD}}}'),
        (f"[{GOOD}]", GOOD),
    ],
)
def test_a_workflow_is_found_wherever_it_stands(reply: str, found: str) -> None:
    assert find_workflow(reply) == found


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("", ""),
        (" \n", ""),
        (" no idea \n", "no idea"),
        (f"Only {NODE} and {{}}", NODE),
        ("A lone } or {", "A lone } or {"),
        ('Sure:\n```\n{"nodes": [{"id": "a"}, {"id"', '{"nodes": [{"id": "a"}, {"id"'),
        ('{"nodes": [{"id": "a}', '{"nodes": [{"id": "a}'),
        (r'{"nodes": "a\"}"}', r'{"nodes": "a\"}"}'),
        ('{"nodes": "half \ud83d"}', '{"nodes": "half ?"}'),
    ],
)
def test_what_is_given_where_there_is_no_whole_workflow(reply: str, found: str) -> None:
    assert find_workflow(reply) == found


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ('{"nodes": [1, 2,]}', '{"nodes": [1, 2 ]}'),
        ('{"nodes": [1,\n  ],\n}', '{"nodes": [1 \n  ] \n}'),
        ('{"nodes": [",]", ",}"]}', '{"nodes": [",]", ",}"]}'),
        (r'{"nodes": ["\",]", 1,]}', r'{"nodes": ["\",]", 1 ]}'),
        ('{"nodes": [1,,]}', '{"nodes": [1, ]}'),
    ],
)
def test_a_comma_too_many_becomes_a_space(reply: str, found: str) -> None:
    assert find_workflow(reply) == found


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(VALUES, st.text("abc'`\n{} ", max_size=20), st.text("abc'`\n ", max_size=20))
def test_any_workflow_is_found_between_any_prose(
    value: Any, before: str, after: str
) -> None:
    text = json.dumps({"nodes": value}, ensure_ascii=False)
    assert json.loads(find_workflow(f"{before}\n{text}{after}")) == {
        "nodes": value
    } or (before.count("{") > before.count("}"))


@given(st.text('{}[]",\\\n a\ud800'))
def test_no_reply_is_too_much(reply: str) -> None:
    assert len(find_workflow(reply).encode()) <= len(reply)


@pytest.mark.parametrize("piece", ["{", "}", '"', '{"nodes":', ", ", '\\"', "{}"])
def test_a_long_reply_takes_no_more_than_its_length(piece: str) -> None:
    assert len(find_workflow(piece * 200_000)) <= len(piece) * 200_000
