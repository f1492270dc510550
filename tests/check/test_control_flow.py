from pflow_lower.check.control_flow import END, ControlFlow, Point
from pflow_lower.ir.codec import decode
from pflow_lower.source.positions import JSON


def flow(nodes: str, edges: str) -> ControlFlow:
    """Return the control flow of nodes "a b" with edges "a>b a>c:action"."""
    document: JSON = {
        "nodes": [{"id": node, "type": "echo"} for node in nodes.split()],
        "edges": [_edge(edge) for edge in edges.split()],
    }
    workflow, found = decode(document)
    assert found == ()
    return ControlFlow(workflow)


def _edge(text: str) -> JSON:
    ends, _, action = text.partition(":")
    source, target = ends.split(">")
    return {"from": source, "to": target, "action": action or "default"}


def sure(of: ControlFlow, goal: str | Point) -> list[str]:
    """Return the nodes that have run, `+` succeeded or `-` failed on all paths."""
    goal = of.ran(goal) if isinstance(goal, str) else goal
    points = (
        (mark, node.id, point(node.id))
        for node in of.workflow.nodes
        for mark, point in (("", of.ran), ("+", of.succeeded), ("-", of.failed))
    )
    return [
        f"{mark}{node}" for mark, node, point in points if of.is_certain(point, goal)
    ]


def test_in_a_chain_all_that_comes_before_has_run_and_not_failed() -> None:
    chain = flow("a b c", "a>b b>c")

    assert not chain.branches
    assert sure(chain, "a") == ["a", "+a"]
    assert sure(chain, "c") == ["a", "+a", "b", "+b", "c", "+c"]
    assert sure(chain, END) == sure(chain, "c")


def test_after_a_branch_only_what_was_before_it_is_certain() -> None:
    diamond = flow("a b c d", "a>b a>c:x b>d c>d")

    assert diamond.branches
    assert sure(diamond, "b") == ["a", "+a", "b", "+b"]
    assert sure(diamond, "d") == ["a", "+a", "d", "+d"]


def test_an_error_edge_tells_whether_a_node_has_failed() -> None:
    split = flow("a b c d", "a>b a>c:error b>d c>d")

    assert split.branches
    assert sure(split, "a") == ["a"]
    assert sure(split, "b") == ["a", "+a", "b", "+b"]
    assert sure(split, "c") == ["a", "-a", "c", "+c"]
    assert sure(split, "d") == ["a", "d", "+d"]


def test_a_node_may_be_followed_by_the_same_one_in_either_case() -> None:
    assert sure(flow("a b", "a>b a>b:error"), "b") == ["a", "b", "+b"]


def test_a_workflow_may_end_at_several_nodes() -> None:
    assert sure(flow("a b c", "a>b a>c:x"), END) == ["a", "+a"]


def test_a_node_with_no_edge_but_for_errors_may_be_the_last() -> None:
    assert sure(flow("a b", "a>b:error"), END) == ["a"]
    assert sure(flow("a b c", "a>b b>c:error"), END) == ["a", "+a", "b"]


def test_several_points_are_bypassed_if_one_path_bypasses_them_all() -> None:
    diamond = flow("a b c d e", "a>b a>c:x b>d c>d a>e:y e>d")
    b, c, e = (frozenset({diamond.ran(node)}) for node in "bce")
    goal = diamond.ran("d")

    assert diamond.bypassed([(b, goal), (b | c, goal), (b | c | e, goal)]) == {
        (b, goal),
        (b | c, goal),
    }


def test_a_station_that_is_certain_is_not_bypassed() -> None:
    diamond = flow("a b c d", "a>b a>c:x b>d c>d")
    points = frozenset({diamond.ran("a"), diamond.ran("b")})

    assert diamond.bypassed([(points, diamond.ran("d"))]) == frozenset()


def test_ways_part_behind_the_last_node_that_is_certain() -> None:
    late = flow("a b c d e", "a>b b>c b>d:x c>e d>e")

    assert late.branch_point(late.ran("c"), late.ran("e")) == "b"
    assert late.branch_point(late.ran("c"), END) == "b"
    assert late.branch_point(late.ran("c"), late.ran("d")) == "b"


def test_paths_may_diverge_at_a_failure() -> None:
    late = flow("a b c d", "a>b a>c:error b>d c>d")

    assert late.branch_point(late.ran("b"), late.ran("d")) == "a"
