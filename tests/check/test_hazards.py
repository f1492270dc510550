"""What may go wrong in a run, and beside each case what looks alike and may not."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pflow_lower import lower
from pflow_lower.check.hazards import check_hazards
from pflow_lower.check.semantics import Bindings
from pflow_lower.diagnostics import Code, Diagnostic, Severity
from pflow_lower.ir.codec import decode
from pflow_lower.nodetypes.catalog import Catalog, ImportReference
from pflow_lower.runtime.errors import StepError
from pflow_lower.source.positions import JSON

Nodes = dict[str, dict[str, JSON]]


def check(
    nodes: Nodes, edges: str = "", own: str = "", **keys: JSON
) -> tuple[Diagnostic, ...]:
    """Check nodes by their ids, with edges "a>b a>c:action"; `own` is a type."""
    document: dict[str, JSON] = {
        "nodes": [{"id": name, "type": "echo", **node} for name, node in nodes.items()],
        "edges": [_edge(edge) for edge in edges.split()],
    }
    workflow, found = decode(document | keys)
    assert found == ()
    reference = ImportReference("acme", "Own")
    catalog = Catalog({own: reference} if own else {})
    return check_hazards(Bindings(workflow, catalog))


def _edge(text: str) -> JSON:
    ends, _, action = text.partition(":")
    source, target = ends.split(">")
    return {"from": source, "to": target, "action": action or "default"}


def say(text: JSON) -> dict[str, JSON]:
    return {"params": {"value": text}}


def place(one: Diagnostic, text: str) -> str:
    """Give the part of a text that a diagnostic is about."""
    assert one.location.characters is not None
    return text[one.location.characters.start : one.location.characters.stop]


# An element of `results` that may be null.


def batch(**settings: JSON) -> dict[str, JSON]:
    return {
        "batch": {"items": [1, 2], "error_handling": "continue", **settings},
        "params": {"value": "${item}"},
    }


@pytest.mark.parametrize(
    ("text", "part", "hint"),
    [
        (
            "${b.results[0]}",
            "b.results[0]",
            "write ${b.results[0] ?? null} if null is acceptable, "
            "or see ${b.errors} for the failures",
        ),
        (
            "the first: $<b.results[0]>",
            "b.results[0]",
            "write ${b.results[0] ?? null} if null is acceptable, "
            "or see ${b.errors} for the failures",
        ),
        (
            "${b.results[0].x}",
            "b.results[0].x",
            "add a fallback, ${b.results[0].x ?? ...}",
        ),
        (
            "${b.results[0][1]}",
            "b.results[0][1]",
            "add a fallback, ${b.results[0][1] ?? ...}",
        ),
        (
            "${b.results[${n}].x}",
            "b.results[${n}].x",
            "add a fallback, ${b.results[${n}].x ?? ...}",
        ),
        (
            "${b.results[0].x ?? b.results[1].x}",
            "b.results[1].x",
            "add a fallback, ${b.results[0].x ?? b.results[1].x ?? ...}",
        ),
        (
            "${rows[${b.results[0]}]}",
            "b.results[0]",
            'null is not an index: set "error_handling" to "fail_fast"',
        ),
        (
            "${rows[${b.results[0]}] ?? 5}",
            "b.results[0]",
            'null is not an index: set "error_handling" to "fail_fast"',
        ),
        (
            "${rows[${b.results[0].n}]}",
            "b.results[0].n",
            "add a fallback, ${rows[${b.results[0].n}] ?? ...}",
        ),
    ],
)
def test_an_element_of_results_may_be_null(text: str, part: str, hint: str) -> None:
    inputs: JSON = {"n": {}, "rows": {}}
    (one,) = check({"b": batch(), "c": say(text)}, "b>c", inputs=inputs)

    assert (one.code, one.severity) == (Code.MAYBE_NULL, Severity.WARNING)
    assert one.message.endswith(' may be null: "b" continues when an item fails')
    assert one.hint == hint
    assert one.path == ("nodes", 1, "params", "value")
    assert place(one, text) == part
    assert [related.path for related in one.related] == [
        ("nodes", 0, "batch", "error_handling")
    ]


def test_the_message_names_the_element_and_not_what_is_inside() -> None:
    (one,) = check({"b": batch(), "c": say("${b.results[0].x.y}")}, "b>c")

    assert (
        one.message == '${b.results[0]} may be null: "b" continues when an item fails'
    )


@pytest.mark.parametrize(
    "text",
    [
        "${b.results}",
        "${b.results ?? []}",
        "${b.errors[0]}",
        "${b.errors[0].item}",
        "${b.count}",
        "${b}",
        "${b.results[0] ?? null}",
        '${b.results[0].x ?? "none"}',
        "${b.results[0].x ?? n}",
        "${rows[${b.results[0].n}] ?? 5}",
        "$${b.results[0]}",
    ],
)
def test_other_outputs_and_those_with_a_fallback_are_let_through(text: str) -> None:
    inputs: JSON = {"n": {}, "rows": {}}

    assert check({"b": batch(), "c": say(text)}, "b>c", inputs=inputs) == ()


def test_a_batch_that_stops_at_a_failure_has_no_null() -> None:
    nodes = {"b": batch(error_handling="fail_fast"), "c": say("${b.results[0]}")}

    assert check(nodes, "b>c") == ()


def test_results_of_a_plain_node_are_its_own() -> None:
    nodes: Nodes = {"b": {"type": "acme:Own"}, "c": say("${b.results[0].x}")}

    assert check(nodes, "b>c") == ()


def test_elements_are_looked_for_in_items_and_outputs_too() -> None:
    each: dict[str, JSON] = {
        "batch": {"items": "${b.results[0].list}"},
        "params": {"value": "${item}"},
    }
    outputs: JSON = {"first": {"source": "${b.results[0]}"}}
    found = check({"b": batch(), "c": each}, "b>c", outputs=outputs)

    assert [one.path for one in found] == [
        ("nodes", 1, "batch", "items"),
        ("outputs", "first", "source"),
    ]


def test_elements_are_looked_for_in_keys_and_paths_too() -> None:
    each: dict[str, JSON] = {
        "batch": {
            "items": {"csv": "${b.results[0].in}"},
            "key": "${item}-${b.results[0].run}",
            "results_to": "${b.results[0].out}",
        }
    }
    found = check({"b": batch(), "c": each}, "b>c")

    assert {one.code for one in found} == {Code.MAYBE_NULL}
    assert [one.path[3:] for one in found] == [
        ("items", "csv"),
        ("key",),
        ("results_to",),
    ]


def test_results_in_a_file_have_no_elements_that_are_null() -> None:
    nodes: Nodes = {
        "b": batch(results_to="b.jsonl"),
        "c": {"batch": {"items": {"jsonl": "${b.results}"}}},
    }

    assert check(nodes, "b>c") == ()


# An item in a shell command.


def shell(command: JSON, **params: JSON) -> dict[str, JSON]:
    return {
        "type": "shell",
        "batch": {"items": "${files}", "as": "file"},
        "params": {"command": command, **params},
    }


def check_command(
    command: JSON, own: str = "", **params: JSON
) -> tuple[Diagnostic, ...]:
    inputs: JSON = {"files": {}, "table": {}}
    return check({"b": shell(command, **params)}, own=own, inputs=inputs)


@pytest.mark.parametrize(
    ("command", "parts"),
    [
        ("wc -l ${file}", ["file"]),
        ("wc -l '${file}'", ["file"]),
        ("wc -l $<file>", ["file"]),
        ("${file}", ["file"]),
        ("echo ${file.name}", ["file.name"]),
        ("cp ${file.from} ${file.to}", ["file.from", "file.to"]),
        ('echo ${file.name ?? "x"}', ["file.name"]),
        ("echo ${table.x ?? file.name}", ["file.name"]),
    ],
)
def test_an_item_in_a_command_is_run_by_the_shell(
    command: str, parts: list[str]
) -> None:
    found = check_command(command)

    assert [one.code for one in found] == [Code.ITEM_IN_COMMAND] * len(parts)
    assert [place(one, command) for one in found] == parts
    assert {one.path for one in found} == {("nodes", 0, "params", "command")}


def test_the_hint_says_how_to_use_a_list_or_the_environment() -> None:
    (one,) = check_command("wc -l ${file.name}")

    assert one.message == (
        "${file.name} becomes part of a command: the shell runs whatever it contains"
    )
    assert one.hint == (
        'use a list, ["cat", "${file.name}"], or set '
        '"env": {"ITEM": "${file.name}"} and write \\"$ITEM\\"'
    )


@pytest.mark.parametrize(
    "command",
    [
        ["wc", "-l", "${file}"],
        ["sh", "-c", "wc -l ${file}"],
        "wc -l",
        "echo ${__index__}",
        "echo ${table[${file}].name}",
        "echo $${file}",
        "echo $file",
    ],
)
def test_a_list_is_not_read_by_the_shell(command: JSON) -> None:
    assert check_command(command) == ()


def test_other_params_are_not_read_by_the_shell() -> None:
    found = check_command(
        'wc -l "$FILE"', env={"FILE": "${file}"}, stdin="${file}", cwd="${file}"
    )

    assert found == ()


def test_a_type_of_the_users_own_may_read_its_command_otherwise() -> None:
    assert check_command("wc -l ${file}", own="shell") == ()
    assert len(check_command("wc -l ${file}", own="sh")) == 1


def test_a_type_of_the_users_own_may_say_that_a_shell_runs_a_param(
    tmp_path: Path,
) -> None:
    source = 'class Remote:\n    params = ["line"]\n    runs = {"line": "shell"}\n'
    (tmp_path / "remote_nodes.py").write_text(source)
    node: JSON = {
        "id": "a",
        "type": "remote",
        "batch": {"items": [1]},
        "params": {"line": "echo ${item}"},
    }
    workflow, _ = decode({"nodes": [node]})
    own = {"remote": ImportReference("remote_nodes", "Remote")}

    (found,) = check_hazards(Bindings(workflow, Catalog(own, (str(tmp_path),))))

    assert found.code is Code.ITEM_IN_COMMAND


def test_a_command_of_another_type_or_of_no_batch_is_let_through() -> None:
    other = shell("wc -l ${file}") | {"type": "acme:Own"}
    plain: dict[str, JSON] = {"type": "shell", "params": {"command": "ls ${files}"}}
    nodes = {"b": other, "c": plain}

    assert check(nodes, "b>c", inputs={"files": {}}) == ()


# A node that may not have run.

DIAMOND = "a>b a>c:x b>d c>d"
FAILURE = "a>b a>c:error b>d c>d"


def said(text: str, edges: str, at: str = "d", **types: str) -> list[str]:
    """Check a text in one of the nodes a, b, c and d; give the messages."""
    nodes: Nodes = {name: {"type": types.get(name, "echo")} for name in "abcd"}
    nodes[at] |= say(text)
    found = check(nodes, edges, inputs={"n": {}, "o": {"required": False}})
    assert {one.code for one in found} <= {Code.MAYBE_NOT_RUN}
    return [one.message for one in found]


def test_a_node_on_a_branch_may_not_have_run() -> None:
    text = "b gave ${b.value}"
    (one,) = check({"a": {}, "b": {}, "c": {}, "d": say(text)}, DIAMOND)

    assert (one.code, one.severity) == (Code.MAYBE_NOT_RUN, Severity.WARNING)
    assert one.message == (
        '"b" may not have run: a path leads from "a" to "d" that skips it'
    )
    assert one.hint == "add a fallback, ${b.value ?? ...}"
    assert place(one, text) == "b.value"
    assert [(each.path, each.message) for each in one.related] == [
        (("nodes", 0, "id"), "paths diverge here")
    ]


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("${a.value} ${b.value} ${c.value}", "a>b b>c c>d"),
        ("${a.value}", DIAMOND),
        ('${b.value ?? "none"}', DIAMOND),
        ("${b.value ?? c.value}", DIAMOND),
        ("${c.value ?? b.value}", DIAMOND),
        ("${b.value ?? n}", DIAMOND),
        ("${b.value ?? a.value}", DIAMOND),
        ("${n ?? b.value}", DIAMOND),
        ("${n.x ?? b.value}", DIAMOND),
        ("${a.value ?? b.value}", DIAMOND),
        ("${a.value[${b.value}] ?? 5}", DIAMOND),
        ("${a}", FAILURE),
        ("${a.value ?? a.error}", FAILURE),
        ("${a.value ?? c.value}", FAILURE),
        ("${b.value ?? c.value}", FAILURE),
        ("$${b.value}", DIAMOND),
    ],
)
def test_what_has_run_or_has_a_fallback_is_let_through(text: str, edges: str) -> None:
    assert said(text, edges) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "${a.value[${b.value}]}",
            '"b" may not have run: a path leads from "a" to "d" that skips it',
        ),
        (
            "${b}",
            '"b" may not have run: a path leads from "a" to "d" that skips it',
        ),
        (
            "${o ?? b.value}",
            '${o ?? b.value} is missing on some path to "d"',
        ),
        (
            "${b.x ?? b.y}",
            '${b.x ?? b.y} is missing on some path to "d"',
        ),
    ],
)
def test_where_nothing_else_comes_in_it_is_missing(text: str, message: str) -> None:
    assert said(text, DIAMOND) == [message]


def test_of_three_branches_two_are_not_enough() -> None:
    nodes: Nodes = {name: {} for name in "abce"} | {"d": say("${b.value ?? c.value}")}
    edges = f"{DIAMOND} a>e:y e>d"
    (one,) = check(nodes, edges)

    assert one.message == '${b.value ?? c.value} is missing on some path to "d"'
    assert one.hint == "add a fallback, ${b.value ?? c.value ?? ...}"
    assert place(one, "${b.value ?? c.value}") == "c.value"
    nodes["d"] = say("${b.value ?? c.value ?? e.value}")
    assert check(nodes, edges) == ()


def test_a_node_that_failed_has_no_outputs() -> None:
    nodes: Nodes = {"a": {}, "b": {}, "c": {}, "d": say("${a.value}")}
    (one,) = check(nodes, FAILURE)

    assert one.message == '"a" may have failed: it has no "value" in that case'
    assert one.hint == "add a fallback, ${a.value ?? ...}"
    assert [(each.path, each.message) for each in one.related] == [
        (("edges", 1), "followed if it fails")
    ]


def test_a_node_that_may_not_have_failed_has_no_error() -> None:
    assert said("${a.error}", FAILURE) == [
        '"a" may not have failed: it has no "error" in that case'
    ]
    assert said("${a.type}", FAILURE) == [
        '"a" may not have failed: it has no "type" in that case'
    ]


def test_on_the_way_of_the_error_edge_a_node_has_failed() -> None:
    nodes: Nodes = {"a": {}, "b": {}, "c": say("${a.value}"), "d": {}}
    (one,) = check(nodes, FAILURE)

    assert one.message == '"a" has failed by then: it has no "value"'
    assert one.hint == "see ${a.error} for the reason"
    assert said("${a.error}, ${a.type}, ${a}", FAILURE, "c") == []


def test_on_the_other_way_it_has_not() -> None:
    nodes: Nodes = {"a": {}, "b": say("${a.error}"), "c": {}, "d": {}}
    (one,) = check(nodes, FAILURE)

    assert one.message == '"a" has not failed by then: it has no "error"'
    assert one.hint == 'it has one where the edge for the action "error" leads'
    assert said("${a.value}, ${a}", FAILURE, "b") == []


def test_nobody_knows_what_a_type_of_the_users_own_leaves_when_it_fails() -> None:
    assert said("${a.value}", FAILURE, a="acme:Own") == []
    assert said("${a.error}", FAILURE, a="acme:Own") == []
    assert said("${a.value}", FAILURE, a="unknown") == []
    assert said("${b.value}", FAILURE, b="acme:Own") == [
        '"b" may not have run: a path leads from "a" to "d" that skips it'
    ]


def test_a_batch_leaves_its_outputs_when_it_fails() -> None:
    nodes: Nodes = {
        "a": batch(error_handling="fail_fast"),
        "b": {},
        "c": say("${a.errors[0].error} of ${a.results}"),
        "d": say("${a.count}"),
    }

    assert check(nodes, FAILURE) == ()
    nodes["d"] = say("${a.error}")
    (one,) = check(nodes, FAILURE)
    assert one.message == '"a" may not have failed: it has no "error" in that case'


def test_an_output_may_be_of_a_node_that_has_not_run() -> None:
    nodes: Nodes = {"a": {}, "b": {}, "c": {}}
    outputs: JSON = {
        "one": {"source": "${a.value}"},
        "two": {"source": "${b.value}"},
        "three": {"source": "${b.value ?? c.value}"},
    }
    (one,) = check(nodes, "a>b a>c:x", outputs=outputs)

    assert one.path == ("outputs", "two", "source")
    assert one.message == (
        '"b" may not have run: a path leads from "a" to the end that skips it'
    )


def test_the_items_of_a_batch_may_be_of_a_node_that_has_not_run() -> None:
    each: dict[str, JSON] = {
        "batch": {"items": "${b.value}"},
        "params": {"value": "${item}, ${a.value}"},
    }
    (one,) = check({"a": {}, "b": {}, "c": {}, "d": each}, DIAMOND)

    assert one.path == ("nodes", 3, "batch", "items")


def test_keys_and_paths_may_be_of_a_node_that_has_not_run() -> None:
    each: dict[str, JSON] = {
        "batch": {
            "items": {"lines": "${b.value}"},
            "key": "${b.value}-${item}-${a.value}",
            "results_to": "${b.value}.jsonl",
        }
    }
    found = check({"a": {}, "b": {}, "c": {}, "d": each}, DIAMOND)

    assert {one.code for one in found} == {Code.MAYBE_NOT_RUN}
    assert [one.path[3:] for one in found] == [
        ("items", "lines"),
        ("key",),
        ("results_to",),
    ]


def test_the_item_of_a_batch_is_always_there() -> None:
    each: dict[str, JSON] = {
        "batch": {"items": [1]},
        "params": {"value": "${item.x ?? b.value}, ${__index__}"},
    }

    assert check({"a": {}, "b": {}, "c": {}, "d": each}, DIAMOND) == ()


def test_a_name_that_is_unknown_in_permissive_mode_is_not_reported_again() -> None:
    nodes: Nodes = {"a": {}, "b": {}, "c": {}, "d": say("${x} ${x ?? y}")}

    assert check(nodes, DIAMOND, template_resolution_mode="permissive") == ()


# What is warned of does happen, and what the hint offers helps.


def run(nodes: Nodes, edges: str) -> dict[str, Any]:
    document = {
        "nodes": [{"id": name, "type": "echo", **node} for name, node in nodes.items()],
        "edges": [_edge(edge) for edge in edges.split()],
    }
    store: dict[str, Any] = lower(document).load().run()
    return store


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${b.results[0].x}", None),
        ('${b.results[0].x ?? "none"}', "none"),
        ("${b.results[1].x}", 2),
        ("<${b.results[0]}>", "<>"),
        ("<${b.results[0] ?? null}>", "<>"),
        ('<${b.results[0] ?? "none"}>', "<>"),
        ("${b.results[${b.results[0]}]}", None),
        ("${b.results[${b.results[0]}] ?? 5}", None),
    ],
)
def test_an_item_that_failed_leaves_null(text: str, value: object) -> None:
    code = "result = {'x': 4 // n}"
    each: dict[str, JSON] = {
        "type": "code",
        "batch": {"items": [0, 2], "error_handling": "continue"},
        "params": {"code": code, "inputs": {"n": "${item}"}},
    }
    nodes: Nodes = {"b": each, "c": say(text)}

    if value is None:
        with pytest.raises(StepError):
            run(nodes, "b>c")
    else:
        assert run(nodes, "b>c")["c"] == {"value": value}


@pytest.mark.parametrize(
    ("params", "printed"),
    [
        ({"command": "echo ${item}"}, "boo"),
        ({"command": "echo '${item}'"}, "$(echo boo)"),
        ({"command": ["echo", "${item}"]}, "$(echo boo)"),
        ({"command": 'echo "$ITEM"', "env": {"ITEM": "${item}"}}, "$(echo boo)"),
    ],
)
def test_the_shell_runs_what_is_in_an_item(
    params: dict[str, JSON], printed: str
) -> None:
    each: dict[str, JSON] = {
        "type": "shell",
        "batch": {"items": ["$(echo boo)"]},
        "params": params,
    }

    assert run({"b": each}, "")["b"]["results"] == [printed]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${a.content}", None),
        ('${a.content ?? "none"}', "none"),
        ("${a.content ?? b.value ?? c.value}", "no file"),
        ("${b.value}", None),
        ("${a.type}", "FileNotFoundError"),
    ],
)
def test_a_node_that_failed_or_has_not_run_has_no_output(
    text: str, value: str | None
) -> None:
    nodes: Nodes = {
        "a": {"type": "read-file", "params": {"file_path": "there is none.txt"}},
        "b": {},
        "c": say("no file"),
        "d": say(text),
    }

    if value is None:
        with pytest.raises(StepError, match="is missing"):
            run(nodes, FAILURE)
    else:
        assert run(nodes, FAILURE)["d"] == {"value": value}


# All of it against the ways themselves, one by one.

IDS = [f"n{number}" for number in range(6)]
ACTIONS = ["default", "error", "x"]


@st.composite
def graphs(draw: st.DrawFn) -> dict[tuple[str, str], str]:
    """Draw edges that lead forward, as (source, action) → target."""
    chosen = draw(st.sets(st.sampled_from(list(product(IDS[:-1], ACTIONS)))))
    edges = {
        (source, action): draw(st.sampled_from(IDS[IDS.index(source) + 1 :]))
        for source, action in sorted(chosen)
    }
    reached = {IDS[0]}
    for (source, _), target in edges.items():
        if source in reached:
            reached.add(target)
    return {key: target for key, target in edges.items() if key[0] in reached}


def runs(
    edges: dict[tuple[str, str], str], goal: str, node: str = IDS[0]
) -> Iterator[dict[str, bool]]:
    """Give for each way to a goal the nodes that ran, and whether they succeeded."""
    if node == goal:
        yield {}
        return
    leaving = {action: to for (source, action), to in edges.items() if source == node}
    for action, target in leaving.items():
        for rest in runs(edges, goal, target):
            yield {node: action != "error", **rest}
    if goal == "end" and leaving.keys() <= {"error"}:
        yield {node: True}


@given(graphs(), st.data())
def test_there_is_a_warning_if_on_some_way_the_reference_is_missing(
    edges: dict[tuple[str, str], str], data: st.DataObject
) -> None:
    reached = [IDS[0], *sorted({*edges.values()})]
    goal = data.draw(st.sampled_from([*reached, "end"]))
    handled = {source for source, action in edges if action == "error"}
    ways = list(runs(edges, goal))
    paths = [
        (node, output)
        for node in sorted({node for way in ways for node in way})
        for output in ("value", "error")
        if output == "value" or node in handled
    ]
    assume(paths)
    operands = data.draw(st.lists(st.sampled_from(paths), min_size=1, max_size=3))
    text = f"${{{' ?? '.join(f'{node}.{output}' for node, output in operands)}}}"

    nodes: dict[str, Any] = {node: {} for node in reached}
    outputs: JSON = {}
    if goal == "end":
        outputs = {"out": {"source": text}}
    else:
        nodes[goal] = say(text)
    lines = [f"{source}>{to}:{action}" for (source, action), to in edges.items()]
    found = check(nodes, " ".join(lines), outputs=outputs)

    is_missing = any(
        not any(way.get(node) is (output == "value") for node, output in operands)
        for way in ways
    )
    assert len(found) == is_missing
