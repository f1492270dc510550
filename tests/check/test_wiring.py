import pytest
from hypothesis import given
from hypothesis import strategies as st

from pflow_lower.check.wiring import MAX_CYCLES, check_wiring
from pflow_lower.diagnostics import Code, Diagnostic
from pflow_lower.ir.codec import decode
from pflow_lower.source.positions import JSON, Path

IDS = [f"n{number}" for number in range(5)]


def check(nodes: str, edges: str = "", **keys: JSON) -> tuple[Diagnostic, ...]:
    """Check the wiring of nodes "a b" and edges "a>b a>c:action"."""
    document: JSON = {
        "nodes": [{"id": node, "type": "echo"} for node in nodes.split()],
        "edges": [_edge(edge) for edge in edges.split()],
        **keys,
    }
    workflow, found = decode(document)
    assert found == ()
    return check_wiring(workflow)


def _edge(text: str) -> JSON:
    ends, _, action = text.partition(":")
    source, target = ends.split(">")
    edge: dict[str, JSON] = {"from": source, "to": target}
    return edge | ({"action": action} if action else {})


def mistakes(found: tuple[Diagnostic, ...]) -> list[tuple[Code, Path]]:
    return [(one.code, one.path) for one in found]


def said(found: tuple[Diagnostic, ...]) -> list[tuple[str, str]]:
    return [(one.message, one.hint) for one in found]


@pytest.mark.parametrize(
    ("nodes", "edges"),
    [
        ("a", ""),
        ("a b c", "a>b b>c"),
        ("a b c d", "a>b a>c:error b>d c>d"),
        ("a b", "a>b a>b:error a>b:again"),
        ("a b c", "a>c a>b:x"),
    ],
)
def test_what_is_right(nodes: str, edges: str) -> None:
    assert check(nodes, edges) == ()


def test_the_start_may_be_any_node_that_leads_to_all_others() -> None:
    assert check("a b", "b>a", start_node="b") == ()


@pytest.mark.parametrize(
    ("nodes", "edges", "code", "path"),
    [
        ("a a", "", Code.DUPLICATE_ID, ("nodes", 1, "id")),
        ("a b", "a>b b>c:x", Code.UNKNOWN_EDGE_NODE, ("edges", 1, "to")),
        ("a b", "a>b c>b", Code.UNKNOWN_EDGE_NODE, ("edges", 1, "from")),
        ("a", "a>a", Code.CYCLE, ("edges", 0)),
        ("a b", "a>b b>a", Code.CYCLE, ("edges", 1)),
        ("a b c", "b>c c>b:x a>b", Code.CYCLE, ("edges", 1)),
        ("a b", "a>b a>b:default", Code.DUPLICATE_EDGE, ("edges", 1)),
        ("a b c", "a>b:x a>c:x", Code.DUPLICATE_EDGE, ("edges", 1)),
        ("a b", "", Code.UNREACHABLE_NODE, ("nodes", 1, "id")),
        ("a b c", "b>c", Code.UNREACHABLE_NODE, ("nodes", 1, "id")),
    ],
)
def test_what_is_wrong(nodes: str, edges: str, code: Code, path: Path) -> None:
    assert mistakes(check(nodes, edges)) == [(code, path)]


def test_a_node_must_not_be_called_as_an_input_is() -> None:
    found = check("a b", "a>b", inputs={"b": {}, "c": {}})

    assert mistakes(found) == [(Code.ID_IS_INPUT, ("nodes", 1, "id"))]
    assert said(found) == [
        ('"b" is also an input: the node would overwrite it', "rename one of the two")
    ]


def test_the_start_must_be_a_node() -> None:
    found = check("a b", "a>b", start_node="c", inputs={"c": {}})

    assert mistakes(found) == [(Code.UNKNOWN_START_NODE, ("start_node",))]
    assert said(found) == [('no node has the id "c"', "the ids are a, b")]


def test_every_mistake_is_found_but_not_what_follows_from_it() -> None:
    found = check("a b b c d", "a>b a>c a>x c>d d>c", start_node="y", inputs={"d": {}})

    assert mistakes(found) == [
        (Code.DUPLICATE_ID, ("nodes", 2, "id")),
        (Code.ID_IS_INPUT, ("nodes", 4, "id")),
        (Code.UNKNOWN_START_NODE, ("start_node",)),
        (Code.UNKNOWN_EDGE_NODE, ("edges", 2, "to")),
        (Code.DUPLICATE_EDGE, ("edges", 1)),
        (Code.DUPLICATE_EDGE, ("edges", 2)),
        (Code.CYCLE, ("edges", 4)),
    ]


def test_of_what_is_not_reached_the_first_nodes_are_reported() -> None:
    found = check("a b c d e", "b>c c>d e>d")

    assert said(found) == [
        (
            '"b" would never run: no path leads to it from the start node, "a"',
            'add an edge to it, or set "start_node"',
        ),
        (
            '"e" would never run: no path leads to it from the start node, "a"',
            'add an edge to it, or set "start_node"',
        ),
    ]


def test_the_words_about_edges() -> None:
    hint = (
        "only one edge is followed per action: give this one another action, "
        "or run the nodes one after the other"
    )
    message = 'a second edge leaves "a" on the action "default"; edges[0] is the first'

    assert said(check("a b c", "a>b a>c")) == [(message, hint)]
    assert said(check("a b", "a>b a>b")) == [(message, "remove one of the two")]
    assert said(check("load store", "load>stoer")) == [
        ('no node has the id "stoer"', 'did you mean "store"?')
    ]
    assert said(check("a a", "")) == [
        ('the id "a" is already used by nodes[0]', "give each node a unique id")
    ]


@pytest.mark.parametrize(
    ("edges", "circle"),
    [
        ("a>a", '"a" → "a"'),
        ("a>b b>a", '"a" → "b" → "a"'),
        ("b>a a>b", '"b" → "a" → "b"'),
        ("a>b b>c c>d d>b", '"b" → "c" → "d" → "b"'),
    ],
)
def test_a_cycle_is_shown_from_where_its_last_edge_leads(
    edges: str, circle: str
) -> None:
    (one,) = [each for each in check("a b c d", edges) if each.code is Code.CYCLE]

    assert one.message == f"the edges form a cycle: {circle}"
    assert one.hint == "workflows cannot loop: use `batch` to run a node once per item"


def test_cycles_that_share_no_node_are_all_reported() -> None:
    found = check("a b c d e", "a>b b>a:x b>c c>d d>c:x d>e e>e:x")

    assert mistakes(found) == [
        (Code.CYCLE, ("edges", 1)),
        (Code.CYCLE, ("edges", 4)),
        (Code.CYCLE, ("edges", 6)),
    ]


def test_there_is_an_end_to_what_is_said_about_cycles() -> None:
    ids = [f"n{number}" for number in range(3 * MAX_CYCLES)]
    one_long = " ".join(
        f"{source}>{target}"
        for source, target in zip(ids, [*ids[1:], ids[0]], strict=True)
    )
    many = " ".join(f"{each}>{each}" for each in ids)
    (long,) = check(" ".join(ids), one_long)

    assert len(check(" ".join(ids), many)) == MAX_CYCLES
    assert long.message == (
        'the edges form a cycle: "n0" → "n1" → "n2" → "n3" → "n4" → … → '
        '"n146" → "n147" → "n148" → "n149" → "n0"'
    )


EDGES = st.lists(st.tuples(*[st.sampled_from([*IDS, "x"])] * 2), max_size=8)


@given(st.lists(st.sampled_from(IDS), min_size=1, max_size=5), EDGES)
def test_what_has_no_mistakes_runs_from_its_start_through_all_nodes(
    ids: list[str], edges: list[tuple[str, str]]
) -> None:
    shown = " ".join(
        f"{source}>{target}:{number}" for number, (source, target) in enumerate(edges)
    )
    found = check(" ".join(ids), shown)
    ran, left = [ids[0]], list(edges)
    while ready := [edge for edge in left if edge[0] in ran]:
        left.remove(ready[0])
        ran.append(ready[0][1])

    if not found:
        assert set(ran) == set(ids)
        assert len(set(ids)) == len(ids)
        assert left == []
    elif set(ran) == set(ids) and len(set(ids)) == len(ids) and not left:
        assert {one.code for one in found} == {Code.CYCLE}
