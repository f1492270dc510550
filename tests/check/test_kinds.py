"""Items that are no list, and paths that are no text."""

from typing import Any

import pytest

from pflow_lower import LoweringError, lower
from pflow_lower.check.kinds import check_kinds
from pflow_lower.check.semantics import Bindings
from pflow_lower.diagnostics import Code, Diagnostic
from pflow_lower.ir.codec import decode
from pflow_lower.nodetypes.catalog import Catalog
from pflow_lower.source.positions import JSON

INPUTS: JSON = {
    "topic": {"type": "string"},
    "count": {"type": "int"},
    "flag": {"type": "bool"},
    "options": {"type": "object"},
    "rows": {"type": "list"},
    "anything": {},
}


def batch_over(items: JSON, **settings: JSON) -> tuple[Diagnostic, ...]:
    """Check a batch, `b 1`, over some items.

    It comes after the shell `ls`, a batch `many`, and a batch `kept` whose results
    are in a file.
    """
    many: dict[str, JSON] = {"items": []}
    kept: dict[str, JSON] = {"items": [], "results_to": "kept.jsonl"}
    nodes: list[JSON] = [
        {"id": "ls", "type": "shell"},
        {"id": "many", "type": "echo", "batch": many},
        {"id": "kept", "type": "echo", "batch": kept},
        {"id": "b 1", "type": "echo", "batch": {"items": items, **settings}},
    ]
    ends = [("ls", "many"), ("many", "kept"), ("kept", "b 1")]
    edges: list[JSON] = [{"from": one, "to": other} for one, other in ends]
    workflow, found = decode({"nodes": nodes, "edges": edges, "inputs": INPUTS})
    assert found == ()
    return check_kinds(Bindings(workflow, Catalog()))


@pytest.mark.parametrize(
    "items",
    [
        "${rows}",
        "${anything}",
        "${topic}",
        "${ls.files}",
        "${ls.stdout}",
        "${ls.stdout.rows}",
        "${options.rows}",
        "${count ?? rows}",
        "${[]}",
        '${"[1, 2]"}',
        ["${count}", "${ls}"],
    ],
)
def test_items_that_may_be_a_list(items: JSON) -> None:
    assert batch_over(items) == ()


@pytest.mark.parametrize(
    ("items", "what", "hint"),
    [
        ("${count}", "a number", ""),
        ("${flag}\n", "a boolean", ""),
        ("$<options>", "an object", ""),
        ("${3}", "a number", ""),
        ("${false}", "a boolean", ""),
        ("${null}", "null", ""),
        ("${{}}", "an object", ""),
        ("${ls}", "an object", "for example ${ls.lines}"),
        ("${ls.exit_code}", "a number", "for example ${ls.lines}"),
    ],
)
def test_items_that_are_no_list(items: str, what: str, hint: str) -> None:
    (one,) = batch_over(items)
    shown = f"${{{items.strip()[2:-1]}}}"

    assert (one.code, one.path) == (
        Code.ITEMS_NOT_A_LIST,
        ("nodes", 3, "batch", "items"),
    )
    assert one.message == f'"{shown}" is {what}: the items of a batch must be an array'
    assert one.hint == hint


def test_results_in_a_file_are_no_list() -> None:
    (one,) = batch_over("${kept.results}")

    assert (one.code, one.path) == (
        Code.ITEMS_NOT_A_LIST,
        ("nodes", 3, "batch", "items"),
    )
    assert one.message == (
        '"${kept.results}" is the path of a file: the items of a batch must be an array'
    )
    assert one.hint == (
        'to read that file, write "items": {"jsonl": "${kept.results}"}'
    )


def test_other_results_are_a_list() -> None:
    assert batch_over("${many.results}") == ()


@pytest.mark.parametrize("form", ["jsonl", "csv", "lines", "glob"])
@pytest.mark.parametrize(
    "path",
    [
        "data.txt",
        "$HOME",
        "${topic}",
        "${anything}",
        "${ls.stdout}",
        "${kept.results}",
        "${count}.txt",
        "${count ?? topic}",
        '${"a.txt"}',
    ],
)
def test_paths_that_may_be_a_text(form: str, path: str) -> None:
    assert batch_over({form: path}) == ()
    assert batch_over([], results_to=path) == ()


NOT_TEXTS = pytest.mark.parametrize(
    ("path", "what"),
    [
        ("${count}", "a number"),
        ("$<flag>", "a boolean"),
        ("${options}", "an object"),
        ("${rows}", "an array"),
        ("${ls.files}", "an array"),
        ("${ls.exit_code}", "a number"),
        ("${ls}\n", "an object"),
        ("${null}", "null"),
        ("${5}", "a number"),
        ("${[]}", "an array"),
        ("${many.results}", "an array"),
    ],
)


@NOT_TEXTS
def test_what_is_read_must_have_a_path(path: str, what: str) -> None:
    (one,) = batch_over({"lines": path})
    shown = f"${{{path.strip()[2:-1]}}}"

    assert (one.code, one.path) == (
        Code.NOT_A_PATH,
        ("nodes", 3, "batch", "items", "lines"),
    )
    assert one.message == f'"{shown}" is {what}: the path of a file must be a string'


@NOT_TEXTS
def test_what_is_written_must_have_a_path(path: str, what: str) -> None:
    (one,) = batch_over([], results_to=path)

    assert (one.code, one.path) == (
        Code.NOT_A_PATH,
        ("nodes", 3, "batch", "results_to"),
    )
    assert one.message.endswith(f" is {what}: the path of a file must be a string")
    assert one.hint == ""


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("${ls.files}", 'an array is not a file: write "items": "${ls.files}"'),
        (
            "${many.results}",
            'an array is not a file: write "items": "${many.results}", '
            'or give "many" a "results_to"',
        ),
        ("${count}", ""),
    ],
)
def test_how_a_list_is_given(path: str, hint: str) -> None:
    (one,) = batch_over({"jsonl": path})

    assert one.hint == hint


@pytest.mark.parametrize(
    "batch", [{"items": "${b}"}, {"items": {"csv": "${b}"}}, {"items": "${c}"}]
)
def test_an_unbound_reference_is_one_mistake(batch: dict[str, Any]) -> None:
    nodes = [
        {"id": "a", "type": "echo"},
        {"id": "b", "type": "acme:B", "batch": batch, "params": {"x": "${item}"}},
        {"id": "c", "type": "acme:C"},
    ]
    edges = [{"from": "a", "to": "b"}, {"from": "b", "to": "c"}]
    with pytest.raises(LoweringError) as caught:
        lower({"nodes": nodes, "edges": edges})
    (one,) = caught.value.diagnostics

    assert one.code is Code.NOT_RUN_YET


def test_a_name_that_stands_for_two_things_is_not_looked_into() -> None:
    document: JSON = {
        "nodes": [
            {"id": "count", "type": "shell"},
            {"id": "b", "type": "echo", "batch": {"items": "${count}"}},
        ],
        "inputs": INPUTS,
    }
    workflow, _ = decode(document)

    assert check_kinds(Bindings(workflow, Catalog())) == ()
