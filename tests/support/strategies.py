"""Hypothesis strategies: values, templates and whole workflows, all of them valid."""

import string
from collections.abc import Sequence
from typing import Any, TypeAlias

from hypothesis import strategies as st
from places import FIXTURES

from pflow_lower.template.parser import may_hold_reference
from pflow_lower.template.tree import is_name

CHARACTERS = st.characters(exclude_categories=["Cs"])
HOSTILE = st.sampled_from(
    [
        *("Step", "run", "Scope", "class", "None", "type", "__class__", "self"),
        *("a-b", "a_b", "a b", "'", '"', '"""', "\\", "\n", "\r", "\0", "\u2028"),
        *("{}", "%s", "#", "\ufeff", "\u200b", "\U0001f600", "e\u0301", "$5 $HOME $$"),
        *("x" * 90, "word " * 30, "line\n" * 20, 'it\'s "both" ' * 8),
        '")\nraise SystemExit\n(',
    ]
)
TEXTS = (st.text(CHARACTERS, max_size=8) | HOSTILE).filter(
    lambda text: not may_hold_reference(text)
)
"""Texts that are no templates."""

NAMES = st.text(string.ascii_letters + "_", min_size=1, max_size=3) | st.sampled_from(
    ["a-b", "a_b", "class", "__class__", "Step", "run", "x1"]
)
"""What templates can refer to; `true` and such are literals where they stand alone."""

NUMBERS = (
    st.integers(-9, 9)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
)
SCALARS = st.none() | st.booleans() | NUMBERS

LITERALS = st.sampled_from(
    ["null", "true", "false", "0", "-1.5e3", "[]", "{}", '""', '"d ?? }"', '"\\u2028"']
)
MARKS = st.sampled_from(["$", "$$", "$${", "$$<", "$< ", "$HOME ", "$(x)", " } > ?? "])
"""Text that looks like more than it is; none makes a reference with what follows."""

ACTIONS = ("default", "error", "other", 'it\'s\n"odd" \\ \u2028')


def values(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Give JSON values."""
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
        ),
        max_leaves=5,
    )


PLAIN = values(SCALARS | TEXTS)
"""JSON values without any template."""


def references(paths: Sequence[str]) -> st.SearchStrategy[str]:
    """Give references; most have a literal to fall back on."""
    one = st.sampled_from(paths)
    chains = st.lists(one, min_size=1, max_size=3).map(" ?? ".join)
    operands = st.one_of(
        one, chains, *[st.builds("{} ?? {}".format, chains, LITERALS)] * 4
    )
    return operands.flatmap(
        lambda inside: st.sampled_from([f"${{{inside}}}", f"$<{inside}>"])
    )


def templates(paths: Sequence[str]) -> st.SearchStrategy[str]:
    """Give strings with references in them, or with what looks like some."""
    if not paths:
        return TEXTS | MARKS
    whole = references(paths)
    texts = st.text("abc \n\"'\\é", min_size=1, max_size=4)
    pieces = st.lists(whole | texts | MARKS, min_size=1, max_size=4).map("".join)
    return whole | whole.map("{}\n".format) | pieces


INPUTS: dict[str | None, st.SearchStrategy[Any]] = {
    None: PLAIN,
    "string": TEXTS | st.just('{"a": [1, {"a": 2}]}'),
    "number": NUMBERS,
    "object": st.dictionaries(NAMES, PLAIN, max_size=2),
    "array": st.lists(PLAIN, max_size=3),
}
"""The values of inputs, by type."""

Paths: TypeAlias = dict[str, tuple[str, ...]]

ANY_PATHS = ("", ".a", "[0]", ".a[0].a", "[1].a-b")
INPUT_PATHS: dict[str | None, tuple[str, ...]] = {
    None: ANY_PATHS,
    "string": ANY_PATHS,
    "number": ("",),
    "object": ("", ".a", ".a[1]"),
    "array": ("", "[0]", "[0].a"),
}
NODE_PATHS = ("", ".params", ".params.a", ".params.a[0]", ".more", ".more.a", ".gone")
BATCH_PATHS = ("", ".results", ".results[0]", ".results[1].a", ".count", ".errors")
"""How a path may go on from a name, for all that lowering can know."""

ITEM = "the_item"

FILES = FIXTURES / "files"
STREAMS = st.sampled_from(
    [
        {"jsonl": f"{FILES / 'drinks.jsonl'}"},
        {"csv": f"{FILES / 'prices.csv'}"},
        {"lines": f"{FILES / 'tea.txt'}"},
        {"glob": f"{FILES}/*.txt"},
        {"lines": f"{FILES / 'there is none'}"},
    ]
).map(dict)
"""What items can be read from: a new object each time, which a test may change."""

RETRIES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({}, optional={"max_retries": st.integers(1, 3)}),
    st.fixed_dictionaries(
        {},
        optional={
            "max_attempts": st.integers(1, 3),
            "wait": st.just(0),
            "backoff": st.floats(1, 2),
            "max_wait": st.sampled_from([1e-3, 2e-3]),
            "jitter": st.sampled_from(["none", "full"]),
            "on": st.lists(
                st.sampled_from(["ValueError", "builtins.KeyError", 429]), min_size=1
            ),
        },
    )
    .filter(lambda retry: "backoff" not in retry or "wait" in retry)
    .map(lambda retry: {"retry": retry}),
)
LIMITS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "timeout": st.just(60),
        "batch_timeout": st.just(600.5),
        "rate_limit": st.builds(dict, requests=st.just(1_000_000), per=st.just(1)),
    },
)
"""Settings that change nothing, or the same in every run, and take no time."""


@st.composite
def workflows(draw: st.DrawFn) -> dict[str, Any]:
    """Give workflows that lower without an error, and run, if not always to the end.

    Whatever they do, they do it each time: where items run in parallel, none stops
    the others.
    """
    ins = draw(_inputs())
    names = (NAMES | TEXTS).filter(lambda text: bool(text) and text not in ins)
    ids = draw(st.lists(names, unique=True, min_size=1, max_size=4))
    edges, before = draw(_graph(ids))
    nodes: list[dict[str, Any]] = []
    known: Paths = {name: INPUT_PATHS[spec.get("type")] for name, spec in ins.items()}
    outputs: Paths = {}
    for node_id in ids:
        visible = known | {
            each: outputs[each] for each in ids if each in before[node_id]
        }
        actions = [edge["action"] for edge in edges if edge["from"] == node_id]
        nodes.append(draw(_node(node_id, visible, actions)))
        outputs[node_id] = BATCH_PATHS if "batch" in nodes[-1] else NODE_PATHS
    source = templates(_paths(known | outputs))
    made: dict[str, Any] = {
        "template_resolution_mode": draw(st.sampled_from(["strict", "permissive"])),
        "inputs": ins,
        "nodes": nodes,
        "edges": edges,
        "outputs": draw(
            st.dictionaries(
                TEXTS, st.fixed_dictionaries({"source": source}), max_size=2
            )
        ),
        "start_node": ids[0],
        "_note": draw(PLAIN),
    }
    return {key: made[key] for key in draw(st.permutations(list(made)))}


@st.composite
def _inputs(draw: st.DrawFn) -> dict[str, Any]:
    """Give inputs that have a default, or may be missing."""
    made: dict[str, Any] = {}
    for name in draw(st.lists(NAMES | TEXTS, unique=True, max_size=3)):
        kind = draw(st.sampled_from(list(INPUTS)))
        each = made[name] = {} if kind is None else {"type": kind}
        if draw(st.booleans()):
            each["default"] = draw(INPUTS[kind])
        else:
            each["required"] = False
    return made


@st.composite
def _graph(
    draw: st.DrawFn, ids: Sequence[str]
) -> tuple[list[dict[str, Any]], dict[str, set[str]]]:
    """Give edges by which the first node leads to all others, and what comes before."""
    edges: dict[tuple[str, str], str] = {}
    before: dict[str, set[str]] = {ids[0]: set()}
    for number, node_id in enumerate(ids[1:], 1):
        before[node_id] = set()
        ways = [
            (source, action)
            for source in ids[:number]
            for action in ACTIONS
            if (source, action) not in edges
        ]
        for way in draw(
            st.lists(st.sampled_from(ways), min_size=1, max_size=2, unique=True)
        ):
            edges[way] = node_id
            before[node_id] |= before[way[0]] | {way[0]}
    listed = [
        {"from": source, "to": target, "action": action}
        for (source, action), target in edges.items()
    ]
    return draw(st.permutations(listed)), before


@st.composite
def _node(
    draw: st.DrawFn,
    node_id: str,
    visible: Paths,
    actions: list[str],
) -> dict[str, Any]:
    node: dict[str, Any] = {
        "id": node_id,
        "type": f"nodes_for_tests:{draw(st.sampled_from(['Probe', 'AsyncProbe']))}",
    }
    act = st.sampled_from([*(actions * 3 or ["default"]), "raise"])
    if draw(st.booleans()):
        outside = values(
            SCALARS | TEXTS | templates(_paths(visible)) | st.just("raise")
        )
        by_reference = references(_paths(visible) or ["null"]).map(
            lambda text: f"${{{text[2:-1]} ?? []}}"
        )
        items = draw(st.lists(outside, max_size=4) | by_reference | STREAMS)
        visible = visible | {ITEM: ANY_PATHS, "__index__": ("",)}
        node["batch"] = draw(_batch(items, _paths(visible)))
        act |= st.just(f"${{{ITEM}}}")
    inside = values(SCALARS | TEXTS | templates(_paths(visible)))
    keys = TEXTS | st.sampled_from(["a", "more"])
    node["params"] = draw(st.dictionaries(keys, inside, max_size=4)) | {
        "act": draw(act)
    }
    return node


@st.composite
def _batch(draw: st.DrawFn, items: Any, paths: list[str]) -> dict[str, Any]:
    """Give a batch that does the same each time, whatever runs in parallel."""
    parallel = draw(st.booleans())
    handling = (
        "continue" if parallel else draw(st.sampled_from(["continue", "fail_fast"]))
    )
    made = {
        "items": items,
        "as": ITEM,
        "parallel": parallel,
        "error_handling": handling,
        **draw(RETRIES),
        **draw(LIMITS),
    }
    if handling == "continue" and not parallel:
        share = st.just(50) | st.floats(0, 100)
        tolerances = {
            "tolerated_failure_count": st.integers(0, 4),
            "tolerated_failure_percentage": share,
        }
        made |= draw(st.fixed_dictionaries({}, optional=tolerances))
    if draw(st.booleans()):
        made["max_items"] = max(draw(st.integers(1, 4)), len(items))
    if draw(st.booleans()):
        made["key"] = f"${{__index__}} {draw(templates(paths))}"
    return {key: made[key] for key in draw(st.permutations(list(made)))}


def _paths(visible: Paths) -> list[str]:
    """Give paths from all names that a template can have."""
    names = [name for name in visible if is_name(name)]
    paths = [name + rest for name in names for rest in visible[name]]
    indexes = ["__index__"] if "__index__" in visible else []
    return paths + [
        f"{path}[${{{index}}}]"
        for path in paths
        for index in indexes
        if path.endswith((".results", ".a", "]"))
    ]
