from collections.abc import Callable
from keyword import iskeyword

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pflow_lower.codegen.names import MAX_NAME, RESERVED_NAMES, Names

IDS = st.one_of(
    st.text(max_size=40),
    st.sampled_from([*sorted(RESERVED_NAMES), "class", "None", "match", "type", "_"]),
    st.from_regex(r"[a-zA-Z_0-9-]{0,4}", fullmatch=True),
)


@pytest.mark.parametrize(
    ("node_id", "class_name", "variable"),
    [
        ("list_files", "ListFiles", "list_files"),
        ("list-files", "ListFiles", "list_files"),
        ("List files!", "ListFiles", "list_files"),
        ("listFiles", "ListFiles", "listfiles"),
        ("a", "A", "a"),
        ("2nd", "Node2nd", "node2nd"),
        ("?", "Node", "node"),
        ("", "Node", "node"),
        ("日本", "Node", "node"),
        ("Größe", "GrE", "gr_e"),
        ("class", "Class", "class_"),
        ("none", "None_", "none"),
        ("true", "True_", "true"),
        ("match", "Match", "match_"),
        ("type", "Type", "type_"),
        ("step", "Step2", "step"),
        ("scope", "Scope2", "scope"),
        ("run", "Run", "run_2"),
        ("str", "Str", "str_2"),
        ("__init__", "Init", "init"),
        ("x" * 99, "X" + "x" * 31, "x" * 32),
        ('"""\nimport os', "ImportOs", "import_os"),
    ],
)
def test_the_names_of_one_node(node_id: str, class_name: str, variable: str) -> None:
    assert Names().class_name(node_id) == class_name
    assert Names().variable(node_id) == variable


def test_names_that_are_taken_get_numbers() -> None:
    names = Names()

    assert [names.class_name(each) for each in ("a-b", "a_b", "aB", "a b2", "a b")] == [
        "AB",
        "AB2",
        "AB3",
        "AB22",
        "AB4",
    ]
    assert [names.variable(each) for each in ("a-b", "a_b", "a_b_2", "a.b")] == [
        "a_b",
        "a_b_2",
        "a_b_2_2",
        "a_b_3",
    ]


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("ShellNode", "ShellNode"),
        ("class", "class_"),
        ("Step", "Step2"),
        ("_Private", "_Private"),
        ("__Private", "_Private"),
        ("__1", "_1"),
        ("__name__", "_name__"),
        ("__debug__", "_debug__"),
    ],
)
def test_an_imported_name_stays_unless_python_minds(wanted: str, name: str) -> None:
    assert Names().take(wanted) == name


def test_what_was_taken_elsewhere_is_taken() -> None:
    names = Names()
    names.taken.add("Sum")

    assert [names.class_name("sum"), names.class_name("sum")] == ["Sum2", "Sum3"]


@pytest.mark.parametrize("give", [Names.class_name, Names.variable])
@given(ids=st.lists(IDS, max_size=30))
@example(ids=["a", "a", "a2", "a", "a_2", "A", "class", "class", "class_"])
def test_whatever_the_ids_names_are_distinct_ascii_identifiers(
    give: Callable[[Names, str], str], ids: list[str]
) -> None:
    names = Names()
    given_out = [give(names, node_id) for node_id in ids]

    assert len(set(given_out)) == len(ids)
    for name in given_out:
        assert name.isascii()
        assert name.isidentifier()
        assert not iskeyword(name)
        assert name not in {"match", "case", "type", "_"}
        assert name not in RESERVED_NAMES
        assert len(name) <= MAX_NAME + len("node") + len("_30")


@given(ids=st.lists(IDS, max_size=30))
def test_the_names_depend_on_the_ids_alone(ids: list[str]) -> None:
    one, other = Names(), Names()

    assert [one.class_name(each) for each in ids] == [
        other.class_name(each) for each in ids
    ]


def test_ids_that_begin_alike_take_linear_work() -> None:
    class Counting(set[str]):
        asked = 0

        def __contains__(self, name: object) -> bool:
            Counting.asked += 1
            return super().__contains__(name)

    names = Names()
    names.taken = Counting(RESERVED_NAMES)
    for number in range(1000):
        names.class_name("x" * MAX_NAME + str(number))

    assert Counting.asked <= 2 * 1000
