from collections.abc import Iterator
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pflow_lower.ir.graph import Graph

NODES = [f"n{number}" for number in range(6)]
EDGES = st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=10)
FORWARD = EDGES.map(lambda edges: [edge for edge in edges if edge[0] < edge[1]])


def diamond() -> Graph[str]:
    edges = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]
    return Graph.of("abcde", edges)


def test_successors_are_kept_in_order() -> None:
    assert Graph.of("abc", [("a", "c"), ("a", "b")]).successors == {
        "a": ("c", "b"),
        "b": (),
        "c": (),
    }


def test_edges_from_or_to_nowhere_are_left_out() -> None:
    graph = Graph.of("ab", [("a", "b"), ("a", "x"), ("x", "b"), ("x", "y")])

    assert graph.successors == {"a": ("b",), "b": ()}


@pytest.mark.parametrize(
    ("start", "reached"), [("a", "abcd"), ("b", "bd"), ("d", "d"), ("e", "e")]
)
def test_what_is_reachable(start: str, reached: str) -> None:
    assert diamond().reachable(start) == frozenset(reached)


def test_what_is_reachable_round_a_cycle() -> None:
    assert Graph.of("abc", [("a", "b"), ("b", "c"), ("c", "a")]).reachable(
        "b"
    ) == frozenset("abc")


@pytest.mark.parametrize(
    ("before", "after"), ["ab", "ac", "ad", "bd", "cd"], ids=lambda node: node
)
def test_what_comes_before(before: str, after: str) -> None:
    graph = diamond()

    assert graph.comes_before(before, after)
    assert not graph.comes_before(after, before)


@pytest.mark.parametrize(("one", "other"), ["bc", "ae", "aa", "de"])
def test_what_does_not_come_before(one: str, other: str) -> None:
    assert not diamond().comes_before(one, other)
    assert not diamond().comes_before(other, one)


@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        ("", ""),
        ("ab ac bd cd", ""),
        ("aa", "a"),
        ("ab ba", "ab"),
        ("ab bc cd db", "bcd"),
    ],
)
def test_a_cycle_is_found(edges: str, cycle: str) -> None:
    graph = Graph.of("abcd", [(edge[0], edge[1]) for edge in edges.split()])

    assert sorted(graph.cycle() or "") == list(cycle)


@given(EDGES)
def test_a_cycle_is_one_and_is_found_if_there_is_one(
    edges: list[tuple[str, str]],
) -> None:
    graph = Graph.of(NODES, edges)
    cycle = graph.cycle()
    cyclic = any(
        node in graph.reachable(after)
        for node in NODES
        for after in graph.successors[node]
    )

    assert (cycle is not None) == cyclic
    if cycle is not None:
        assert len(set(cycle)) == len(cycle)
        assert all(edge in edges for edge in pairwise((*cycle, cycle[0])))


@given(FORWARD)
def test_what_comes_before_is_what_leads_there(edges: list[tuple[str, str]]) -> None:
    graph = Graph.of(NODES, edges)

    assert graph.cycle() is None
    for one, other in product(NODES, NODES):
        leads = one != other and other in graph.reachable(one)
        assert graph.comes_before(one, other) == leads


def test_long_ways_take_no_recursion() -> None:
    nodes = [str(number) for number in range(20_000)]
    chain = Graph.of(nodes, pairwise(nodes))
    ring = Graph.of(nodes, [*pairwise(nodes), (nodes[-1], nodes[0])])

    assert chain.cycle() is None
    assert len(chain.reachable("0")) == len(nodes)
    assert chain.comes_before("0", "19999")
    assert len(ring.cycle() or ()) == len(nodes)


def ways(graph: Graph[str], start: str, goal: str) -> Iterator[frozenset[str]]:
    """Give the nodes of each way from one node to another."""
    if start == goal:
        yield frozenset({goal})
    for after in dict.fromkeys(graph.successors[start]):
        yield from (way | {start} for way in ways(graph, after, goal))


@pytest.mark.parametrize(
    ("station", "node"), ["aa", "ab", "ac", "ad", "bb", "dd"], ids=str
)
def test_what_every_way_leads_through(station: str, node: str) -> None:
    assert diamond().dominators("a").dominates(station, node)


@pytest.mark.parametrize(("station", "node"), ["bd", "cd", "bc", "da", "ea"], ids=str)
def test_what_some_way_leads_past(station: str, node: str) -> None:
    assert not diamond().dominators("a").dominates(station, node)


@given(FORWARD)
def test_a_node_dominates_another_if_it_is_on_every_way_there(
    edges: list[tuple[str, str]],
) -> None:
    graph = Graph.of(NODES, edges)
    start = NODES[0]
    dominators = graph.dominators(start)

    for node in graph.reachable(start):
        on_all = frozenset.intersection(*ways(graph, start, node))
        assert {each for each in NODES if dominators.dominates(each, node)} == on_all


@given(
    FORWARD,
    st.sets(st.tuples(st.frozensets(st.sampled_from(NODES)), st.sampled_from(NODES))),
)
def test_stations_are_bypassed_if_some_way_there_has_none_of_them(
    edges: list[tuple[str, str]], questions: set[tuple[frozenset[str], str]]
) -> None:
    graph = Graph.of(NODES, edges)
    start = NODES[0]

    assert graph.bypassed(start, questions) == {
        (stations, node)
        for stations, node in questions
        if any(not way & stations for way in ways(graph, start, node))
    }


def test_dominators_of_long_ways_take_no_recursion() -> None:
    nodes = [str(number) for number in range(20_000)]
    shortcuts = zip(nodes, nodes[2:], strict=False)
    dominators = Graph.of(nodes, [*pairwise(nodes), *shortcuts]).dominators("0")

    assert dominators.dominates("0", "19999")
    assert not dominators.dominates("19998", "19999")
