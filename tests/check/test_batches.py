import pytest

from pflow_lower.check.batches import check_batches
from pflow_lower.check.semantics import Bindings
from pflow_lower.diagnostics import Code, Diagnostic
from pflow_lower.ir.codec import decode
from pflow_lower.nodetypes.catalog import Catalog
from pflow_lower.source.positions import JSON, Location, Path

IN_BATCH: Path = ("nodes", 0, "batch")


def check(*nodes: dict[str, JSON], **keys: JSON) -> tuple[Diagnostic, ...]:
    """Check nodes, which are of the type echo and called n0, n1 and so on."""
    listed: list[JSON] = [
        {"id": f"n{index}", "type": "echo", **node} for index, node in enumerate(nodes)
    ]
    workflow, found = decode({"nodes": listed, **keys})
    assert found == ()
    return check_batches(Bindings(workflow, Catalog()))


def batch(
    params: JSON, *others: dict[str, JSON], **settings: JSON
) -> tuple[Diagnostic, ...]:
    """Check a batch of two items, with the given params and settings."""
    settings = {"items": [1, 2], **settings}
    return check({"batch": settings, "params": {"value": params}}, *others)


def facts(found: tuple[Diagnostic, ...]) -> list[tuple[Code, Location, str, str]]:
    return [(one.code, one.location, one.message, one.hint) for one in found]


def codes(found: tuple[Diagnostic, ...]) -> list[Code]:
    return [one.code for one in found]


def related(one: Diagnostic) -> list[tuple[Path, str]]:
    return [(each.path, each.message) for each in one.related]


# --- Items and aliases.


@pytest.mark.parametrize(
    "items",
    [
        *("${n}", "$<n.a>", "${n ?? []}\n", [], ["a ${n}", 1], '${"[1]"}'),
        *({"jsonl": "a"}, {"glob": "${n}/*"}),
    ],
)
def test_items_that_are_a_reference_or_an_array(items: JSON) -> None:
    assert batch("${item}", items=items) == ()


@pytest.mark.parametrize(
    ("items", "found", "hint"),
    [
        ("", 'the string ""', 'for example "${list_files.lines}" or ["a", "b"]'),
        (
            "a, b",
            'the string "a, b"',
            'for example "${list_files.lines}" or ["a", "b"]',
        ),
        (
            "*.txt",
            'the string "*.txt"',
            'to read the items from files, write "items": {"glob": "*.txt"}',
        ),
        (
            "docs.jsonl",
            'the string "docs.jsonl"',
            'to read the items from files, write "items": {"jsonl": "docs.jsonl"}',
        ),
        (
            "a/b.csv",
            'the string "a/b.csv"',
            'to read the items from files, write "items": {"csv": "a/b.csv"}',
        ),
        (
            "$${x}.txt",
            'the string "$${x}.txt"',
            'to read the items from files, write "items": {"lines": "$${x}.txt"}',
        ),
        ("n1.", 'the string "n1."', 'for example "${list_files.lines}" or ["a", "b"]'),
        ("n1.lines", 'the string "n1.lines"', "did you mean ${n1.lines}?"),
        ("n1", 'the string "n1"', "did you mean ${n1}?"),
        ("{{ n1[0] }}", 'the string "{{ n1[0] }}"', "did you mean ${n1[0]}?"),
        ("$${n1.lines}", 'the string "$${n1.lines}"', "did you mean ${n1.lines}?"),
        ("[$<n1.x>]", "text that contains references", "write only $<n1.x>"),
        (
            "${n1.x}, ${n1.y}",
            "text that contains references",
            'for example "${list_files.lines}" or ["a", "b"]',
        ),
    ],
)
def test_items_that_are_neither(items: str, found: str, hint: str) -> None:
    message = f'"items" must be one reference or an array, not {found}'
    place = Location((*IN_BATCH, "items"))

    assert facts(batch("${item}", {}, items=items)) == [
        (Code.ITEMS_NOT_A_REFERENCE, place, message, hint)
    ]


@pytest.mark.parametrize("alias", ["true", "false", "null", "__index__"])
def test_aliases_that_mean_something_else(alias: str) -> None:
    assert facts(batch("${x}", **{"as": alias})) == [
        (
            Code.RESERVED_ALIAS,
            Location((*IN_BATCH, "as")),
            f'"{alias}" has another meaning in templates',
            'choose another name for "as"',
        )
    ]


def test_an_alias_must_not_hide_a_node_or_an_input() -> None:
    other: dict[str, JSON] = {"id": "other"}
    node = batch("${other}", other, **{"as": "other"})
    own = batch("${n0}", **{"as": "n0"})
    own_input = check(
        {"batch": {"items": [1], "as": "i"}, "params": {"a": "${i}"}}, inputs={"i": {}}
    )
    default = batch("${item}", {"id": "item"})
    place = Location((*IN_BATCH, "as"))
    hint = 'choose another name for "as"'

    assert [facts(found) for found in (node, own, own_input, default)] == [
        [
            (
                Code.ALIAS_HIDES_NAME,
                place,
                'the alias "other" would hide a node of the same name',
                hint,
            )
        ],
        [
            (
                Code.ALIAS_HIDES_NAME,
                place,
                'the alias "n0" would hide a node of the same name',
                hint,
            )
        ],
        [
            (
                Code.ALIAS_HIDES_NAME,
                place,
                'the alias "i" would hide an input of the same name',
                hint,
            )
        ],
        [
            (
                Code.ALIAS_HIDES_NAME,
                Location(IN_BATCH),
                'the alias "item" would hide a node of the same name',
                'give the items another name with "as"',
            )
        ],
    ]


def test_in_a_workflow_with_a_batch_nothing_may_be_called_as_the_index_is() -> None:
    message = 'in a batch, "__index__" is the index of the item, which would hide this'
    params: JSON = {"a": "${item}"}
    node: dict[str, JSON] = {"batch": {"items": []}, "params": params}

    assert facts(check(node, {"id": "__index__"}, {**node, "id": "b"})) == [
        (
            Code.ALIAS_HIDES_NAME,
            Location(("nodes", 1, "id")),
            message,
            "choose another name",
        )
    ]
    assert facts(check(node, inputs={"__index__": {}})) == [
        (
            Code.ALIAS_HIDES_NAME,
            Location(("inputs", "__index__"), "key"),
            message,
            "choose another name",
        )
    ]


def test_without_a_batch_something_may() -> None:
    assert check({"id": "__index__"}) == ()
    assert check({}, inputs={"__index__": {}, "item": {}}) == ()


@pytest.mark.parametrize(
    "params",
    [
        "${item}",
        "$<item.a[0]>",
        "a ${x ?? item} b",
        "${n1.results[${item}]}",
        [{"deep": ["${item}"]}],
    ],
)
def test_aliases_that_are_used(params: JSON) -> None:
    assert batch(params, {}, items=[1]) == ()


@pytest.mark.parametrize(
    ("params", "consequence"),
    [
        ("", ": every run would be the same"),
        ("item", ": every run would be the same"),
        ("$${item}", ": every run would be the same"),
        ("${n1.item}", ": every run would be the same"),
        ({"${item}": 1}, ": every run would be the same"),
        ("${__index__}", ""),
    ],
)
def test_aliases_that_are_not_used(params: JSON, consequence: str) -> None:
    message = f'no param of "n0" uses the item, "item"{consequence}'

    assert facts(batch(params, {})) == [
        (Code.UNUSED_ALIAS, Location(IN_BATCH), message, "use ${item} in its params")
    ]
    (named,) = batch("", **{"as": "x"})
    assert named.location == Location((*IN_BATCH, "as"))


def test_an_unknown_name_may_be_the_alias_misspelt() -> None:
    assert batch("${itme}") == ()


def test_an_alias_that_only_the_key_uses_is_used() -> None:
    assert batch("", key="${item}") == ()
    assert codes(batch("", results_to="${item}")) == [Code.UNUSED_ALIAS]


# --- Keys.


@pytest.mark.parametrize(
    "key", ["${item}", "${__index__}", "a-$<item.id>", "${n1.results[${item}]}"]
)
def test_keys_that_tell_items_apart(key: str) -> None:
    assert batch("${item}", {}, key=key) == ()


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("id", "did you mean ${item.id}?"),
        ("item", "did you mean ${item}?"),
        ("the id", "for example ${item} or ${item.id}"),
        ("$${item}", "for example ${item} or ${item.id}"),
        ("${n1.item}", "for example ${item} or ${item.id}"),
        ("${n1.a ?? 1}", "for example ${item} or ${item.id}"),
        ("$HOME", "for example ${item} or ${item.id}"),
    ],
)
def test_keys_that_do_not(key: str, hint: str) -> None:
    assert facts(batch("${item}", {}, key=key)) == [
        (
            Code.KEY_OF_ALL_ITEMS,
            Location((*IN_BATCH, "key")),
            'every item of "n0" would have the same key',
            hint,
        )
    ]


def test_an_unknown_name_in_a_key_may_be_the_alias_misspelt() -> None:
    assert batch("${item}", key="${itme.id}") == ()


def test_two_items_of_one_key() -> None:
    items: JSON = [{"id": 7}, {"id": 8}, {"id": 7}, {"id": 7}]
    (one,) = found = batch("${item}", items=items, key="no-${item.id}")

    assert facts(found) == [
        (
            Code.TWO_ITEMS_OF_ONE_KEY,
            Location((*IN_BATCH, "items", 2)),
            "items[2] has the same key as items[0]",
            "make the keys differ, or remove one of the items",
        )
    ]
    assert related(one) == [((*IN_BATCH, "items", 0), "the first is here")]


# --- Settings that do not go together.


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"max_concurrent": 3}, [Code.CAP_WITHOUT_PARALLEL]),
        ({"max_concurrent": 3, "parallel": False}, [Code.CAP_WITHOUT_PARALLEL]),
        ({"max_concurrent": 3, "parallel": True}, []),
        ({"parallel": False}, []),
    ],
)
def test_a_cap_without_parallel(
    settings: dict[str, JSON], expected: list[Code]
) -> None:
    assert codes(batch("${item}", **settings)) == expected


def test_the_words_about_a_cap() -> None:
    assert facts(batch("${item}", max_concurrent=3)) == [
        (
            Code.CAP_WITHOUT_PARALLEL,
            Location((*IN_BATCH, "max_concurrent"), "key"),
            '"max_concurrent" has no effect: items run one at a time',
            'set "parallel": true, or remove the key',
        )
    ]


@pytest.mark.parametrize(
    ("items", "most"), [([], 1), ([1], 1), ([1, 2], 2), ("${n}", 1), ({"csv": "a"}, 1)]
)
def test_as_many_items_as_there_may_be(items: JSON, most: int) -> None:
    assert batch("${item}", items=items, max_items=most) == ()


def test_more_items_than_there_may_be() -> None:
    (one,) = found = batch("${item}", items=[1, 2, 3], max_items=2)

    assert facts(found) == [
        (
            Code.TOO_MANY_ITEMS,
            Location((*IN_BATCH, "items", 2)),
            'there are 3 items, but "max_items" is 2',
            "remove items, or raise the limit",
        )
    ]
    assert related(one) == [((*IN_BATCH, "max_items"), "the limit is set here")]


@pytest.mark.parametrize(
    ("sugar", "inside"), [("max_retries", "max_attempts"), ("retry_wait", "wait")]
)
def test_a_retry_is_given_in_one_way(sugar: str, inside: str) -> None:
    settings: dict[str, JSON] = {sugar: 1, "retry": {}}
    (one,) = found = batch("${item}", **settings)

    assert facts(found) == [
        (
            Code.TWO_RETRIES,
            Location((*IN_BATCH, sugar), "key"),
            f'"{sugar}" and "retry" cannot be used together',
            f'inside "retry" it is called "{inside}"',
        )
    ]
    assert related(one) == [((*IN_BATCH, "retry"), "it conflicts with this")]
    assert batch("${item}", retry={}) == ()
    assert batch("${item}", **{sugar: 1}) == ()


def test_both_kinds_of_sugar_are_one_mistake() -> None:
    found = batch("${item}", retry_wait=1, retry={}, max_retries=2)

    assert [one.path[-1] for one in found] == ["retry_wait"]


@pytest.mark.parametrize(
    ("retry", "message", "hint"),
    [
        (
            {"wait": 2, "max_wait": 1.5},
            '"max_wait" must be at least 2, the value of "wait", not 1.5',
            "",
        ),
        (
            {"max_wait": 0.5, "backoff": 2},
            '"max_wait" must be at least 1, the value of "wait", not 0.5',
            'with a "backoff", "wait" is 1 by default',
        ),
    ],
)
def test_the_longest_wait_is_no_shorter_than_the_first(
    retry: JSON, message: str, hint: str
) -> None:
    place = Location((*IN_BATCH, "retry", "max_wait"))

    assert facts(batch("${item}", retry=retry)) == [
        (Code.OUT_OF_RANGE, place, message, hint)
    ]


@pytest.mark.parametrize(
    "retry",
    [{"wait": 2, "max_wait": 2}, {"max_wait": 0}, {"max_wait": 1, "backoff": 2}],
)
def test_waits_that_go_together(retry: JSON) -> None:
    assert batch("${item}", retry=retry) == ()


@pytest.mark.parametrize(
    "key", ["tolerated_failure_count", "tolerated_failure_percentage"]
)
def test_what_stops_at_the_first_failure_tolerates_none(key: str) -> None:
    expected = [
        (
            Code.TOLERANCE_WITHOUT_CONTINUE,
            Location((*IN_BATCH, key), "key"),
            f'"{key}" has no effect: the first failure stops the batch',
            'set "error_handling": "continue", or remove the key',
        )
    ]

    stops: dict[str, JSON] = {key: 0, "error_handling": "fail_fast"}
    assert facts(batch("${item}", **{key: 0})) == expected
    assert facts(batch("${item}", **stops)) == expected
    tolerated: dict[str, JSON] = {key: 1, "error_handling": "continue"}
    assert batch("${item}", **tolerated) == ()


def test_two_tolerances_are_one_mistake() -> None:
    found = batch("${item}", tolerated_failure_percentage=1, tolerated_failure_count=1)

    assert [one.path[-1] for one in found] == ["tolerated_failure_percentage"]


# --- Files of results.


def writers(*paths: str, edges: str = "n0>n1 n1>n2") -> tuple[Diagnostic, ...]:
    """Check batches that write to some files, with edges "n0>n1 n0>n2:action"."""
    nodes: list[dict[str, JSON]] = [
        {"batch": {"items": [1], "results_to": path}, "params": {"value": "${item}"}}
        for path in paths
    ]
    listed: list[JSON] = []
    for edge in edges.split():
        ends, _, action = edge.partition(":")
        source, target = ends.split(">")
        listed.append({"from": source, "to": target, "action": action or "default"})
    return check(*nodes, edges=listed, inputs={"folder": {}})


@pytest.mark.parametrize("path", ["a.jsonl", "${folder}/a.jsonl"])
def test_two_batches_write_to_one_file(path: str) -> None:
    (one,) = found = writers("b.jsonl", path, path)

    assert facts(found) == [
        (
            Code.RESULTS_FILE_TAKEN,
            Location(("nodes", 2, "batch", "results_to")),
            '"n1" also writes its results to this file',
            "one would overwrite the other: use a different file for each",
        )
    ]
    assert related(one) == [(("nodes", 1, "batch", "results_to"), "the other is here")]


def test_every_batch_but_the_first_is_reported() -> None:
    assert len(writers("a", "a", "a")) == 2


def test_batches_of_which_only_one_runs_may_write_to_one_file() -> None:
    paths = ("a", "b", "b")

    assert writers(*paths, edges="n0>n1 n0>n2:error") == ()
    assert len(writers(*paths, edges="n0>n1 n0>n2:error n1>n2:x")) == 1


def test_the_results_must_not_replace_the_items() -> None:
    (one,) = found = batch("${item}", items={"csv": "a"}, results_to="a")

    assert facts(found) == [
        (
            Code.RESULTS_FILE_TAKEN,
            Location((*IN_BATCH, "results_to")),
            "the results would overwrite the file that the items come from",
            "write them to another file",
        )
    ]
    assert related(one) == [((*IN_BATCH, "items", "csv"), "it is read here")]
    assert batch("${item}", items={"csv": "a"}, results_to="b") == ()
