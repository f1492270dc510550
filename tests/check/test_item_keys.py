"""Items of one key, and beside each case items whose keys may differ."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meaning import as_text, meaning
from strategies import PLAIN

from pflow_lower.check.item_keys import find_duplicate_keys
from pflow_lower.ir.codec import decode
from pflow_lower.ir.workflow import Array, BatchStep, TemplateValue
from pflow_lower.source.positions import JSON
from pflow_lower.template.parser import may_hold_reference, parse_template


def found(items: list[Any], key: str) -> tuple[int, int] | None:
    batch: dict[str, JSON] = {"items": items, "as": "it", "key": key}
    workflow, reported = decode(
        {"nodes": [{"id": "a", "type": "echo", "batch": batch}]}
    )
    assert reported == ()
    (node,) = workflow.nodes
    assert isinstance(node, BatchStep)
    assert isinstance(node.batch.items, Array)
    assert isinstance(node.batch.key, TemplateValue)
    return find_duplicate_keys(node.batch.items, node.batch.key.template, "it")


@pytest.mark.parametrize(
    ("items", "key", "pair"),
    [
        (["a", "b", "a"], "${it}", (0, 2)),
        (["a", "b", "b", "a"], "no-${it}", (1, 2)),
        ([1, 1], "${it}", (0, 1)),
        ([1, "1"], "${it}", (0, 1)),
        ([None, "", 0, 0.0], "${it}", (0, 1)),
        ([[1], [1]], "${it}", (0, 1)),
        ([{"id": 7}, {"id": 8}, {"id": 7}], "${it.id}", (0, 2)),
        ([{"id": 7, "x": "${y}"}, {"id": 7}], "${it.id}", (0, 1)),
        ([["a", 1], ["a", 2]], "$<it[0]>", (0, 1)),
        (['{"id": 7}', '{"id": 7, "x": 1}'], "${it.id}", (0, 1)),
        ([{"a": "x", "b": "yz"}, {"a": "xy", "b": "z"}], "${it.a}${it.b}", (0, 1)),
        ([{"id": 7}, {"id": 7}], "${run}-${it.id}", (0, 1)),
        ([{"id": 7}, {"id": 7}], "${ls.files[${n}] ?? 1}-${it.id}", (0, 1)),
        ([{"a": 1}, {"b": 1}], "${it.a ?? it.b}", (0, 1)),
        ([{}, {}], "${it.a ?? 5}", (0, 1)),
        ([{}, {}], "${it.a ?? []}", (0, 1)),
        ([{"a": None}, {"a": None}], "x${it.a ?? 1}", (0, 1)),
    ],
)
def test_items_of_one_key(items: list[Any], key: str, pair: tuple[int, int]) -> None:
    assert found(items, key) == pair


@pytest.mark.parametrize(
    ("items", "key"),
    [
        ([], "${it}"),
        (["a"], "${it}"),
        (["a", "b"], "${it}"),
        ([1, 1.0], "${it}"),
        ([1, True], "${it}"),
        (["a", "a"], "${__index__}"),
        (["a", "a"], "${it}-${__index__}"),
        (["${x}", "${x}"], "${it}"),
        ([{"id": "${x}"}, {"id": "${x}"}], "${it.id.a}"),
        ([["${x}"], ["${x}"]], "${it}"),
        ([["${x}"], ["${x}"]], "no ${it}"),
        ([{}, {}], "${it.id}"),
        ([{}, {}], "${it.id ?? x}"),
        ([{}, {}], "${x ?? it.id}"),
        ([1, 1], "${it.id}"),
        ([[1], [1]], "${it[1]}"),
        ([[1], [1]], "${it[${__index__}]}"),
        ([0, 0], "${rows[${it}]}"),
        ([0, 0], "${rows[${it}]} ${it}"),
    ],
)
def test_items_whose_keys_may_differ(items: list[Any], key: str) -> None:
    assert found(items, key) is None


@given(
    st.lists(PLAIN, min_size=2, max_size=4),
    st.sampled_from(["${it}", "${it} and ${__index__ ?? 1}", "<$<it ?? 5>>"]),
)
def test_what_is_found_has_one_key_by_the_meaning_of_templates(
    items: list[Any], key: str
) -> None:
    template, _ = parse_template(key)
    assert may_hold_reference(key)
    keys = []
    for index, item in enumerate(items):
        store = {"it": item, "__index__": index}
        keys.append(as_text(meaning(template, store, nested=False, permissive=False)))
    pairs = [
        (first, second)
        for second in range(len(keys))
        for first in range(second)
        if keys[first] == keys[second]
    ]

    assert found(items, key) == (pairs[0] if pairs else None)
