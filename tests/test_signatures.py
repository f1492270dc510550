import pytest

from pflow_lower.catalog import Catalog, ImportReference
from pflow_lower.codec import decode
from pflow_lower.diagnostics import Code, Diagnostic
from pflow_lower.signatures import check_signatures
from pflow_lower.source import JSON, Location, Path

IN_BATCH: Path = ("nodes", 0, "batch")


def check(
    *nodes: dict[str, JSON], own: dict[str, str] | None = None, **keys: JSON
) -> tuple[Diagnostic, ...]:
    """Check nodes, which are of the type echo and called n0, n1 and so on."""
    listed: list[JSON] = [
        {"id": f"n{index}", "type": "echo", **node} for index, node in enumerate(nodes)
    ]
    workflow, found = decode({"nodes": listed, **keys})
    assert found == ()
    references = {
        name: ImportReference.parse(text) for name, text in (own or {}).items()
    }
    catalog = Catalog({name: each for name, each in references.items() if each})
    return check_signatures(workflow, catalog)


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


# --- Types and params.


@pytest.mark.parametrize("name", ["echo", "acme:Node", "acme.nodes:A.B", "own"])
def test_types_that_are_known(name: str) -> None:
    assert check({"type": name}, own={"own": "a:B"}) == ()


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        (
            "shel",
            'the node type "shel" is not known here: '
            "it must be installed where the workflow runs",
            'did you mean "shell"?',
        ),
        (
            "summarise",
            'the node type "summarise" is not known here: '
            "it must be installed where the workflow runs",
            "a class of your own is named as package.module:Class",
        ),
        (
            "acme/nodes.py:A",
            '"acme/nodes.py:A" is no import reference',
            "it is package.module:Class, of ASCII identifiers that are no keywords",
        ),
    ],
)
def test_types_that_are_not(name: str, message: str, hint: str) -> None:
    code = Code.MALFORMED_TYPE if ":" in name else Code.UNKNOWN_TYPE

    assert facts(check({"type": name})) == [
        (code, Location(("nodes", 0, "type")), message, hint)
    ]


@pytest.mark.parametrize(
    ("node", "missing", "place"),
    [
        ({"type": "shell"}, "command", Location(("nodes", 0))),
        ({"type": "shell", "params": {}}, "command", Location(("nodes", 0, "params"))),
        (
            {"type": "write-file", "params": {"file_path": "a"}},
            "content",
            Location(("nodes", 0, "params")),
        ),
        (
            {"type": "llm", "batch": {"items": []}, "params": {"model": "${item}"}},
            "prompt",
            Location(("nodes", 0, "params")),
        ),
    ],
)
def test_params_that_are_missing(
    node: dict[str, JSON], missing: str, place: Location
) -> None:
    message = f'node "n0" of type "{node["type"]}" lacks the param "{missing}"'

    assert facts(check(node)) == [(Code.MISSING_PARAM, place, message, "")]


@pytest.mark.parametrize(
    ("params", "code", "name", "hint"),
    [
        (
            {"comand": "ls"},
            Code.MISSING_PARAM,
            "comand",
            'write "command" for "comand"',
        ),
        (
            {"command": "ls", "evn": {}},
            Code.UNKNOWN_PARAM,
            "evn",
            'did you mean "env"?',
        ),
        (
            {"command": "ls", "comand": "ls"},
            Code.UNKNOWN_PARAM,
            "comand",
            "it also takes cwd, env, ignore_errors, stdin, strip_newline, timeout",
        ),
        (
            {"command": "ls", "Timeout": 1},
            Code.UNKNOWN_PARAM,
            "Timeout",
            'did you mean "timeout"?',
        ),
    ],
)
def test_params_that_are_not_known(
    params: dict[str, JSON], code: Code, name: str, hint: str
) -> None:
    (one,) = check({"type": "shell", "params": params})
    place = Location(("nodes", 0, "params", name), "key")

    assert (one.code, one.location, one.hint) == (code, place, hint)


def test_a_param_that_is_null_or_empty_is_given() -> None:
    assert check({"type": "shell", "params": {"command": None}}) == ()


def test_params_are_only_checked_where_they_are_known() -> None:
    assert check({"params": {"anything": 1}}) == ()
    assert check({"type": "acme:Shell", "params": {"x": 1}}) == ()
    assert (
        check({"type": "shell", "params": {"x": 1}}, own={"shell": "acme:Shell"}) == ()
    )


# --- Batches.


@pytest.mark.parametrize(
    "items", ["${n}", "$<n.a>", "${n ?? []}\n", [], ["a ${n}", 1], '${"[1]"}']
)
def test_items_that_are_a_reference_or_an_array(items: JSON) -> None:
    assert batch("${item}", items=items) == ()


@pytest.mark.parametrize(
    ("items", "found", "hint"),
    [
        ("", 'the text ""', 'for example "${list_files.lines}" or ["a", "b"]'),
        (
            "*.txt",
            'the text "*.txt"',
            'for example "${list_files.lines}" or ["a", "b"]',
        ),
        ("n1.", 'the text "n1."', 'for example "${list_files.lines}" or ["a", "b"]'),
        ("n1.lines", 'the text "n1.lines"', "did you mean ${n1.lines}?"),
        ("n1", 'the text "n1"', "did you mean ${n1}?"),
        ("{{ n1[0] }}", 'the text "{{ n1[0] }}"', "did you mean ${n1[0]}?"),
        ("$${n1.lines}", 'the text "$${n1.lines}"', "did you mean ${n1.lines}?"),
        ("[$<n1.x>]", "text with references in it", "write only $<n1.x>"),
        (
            "${n1.x}, ${n1.y}",
            "text with references in it",
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
            f'"{alias}" means something else in templates',
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
                'the alias "other" would hide a node of that name',
                hint,
            )
        ],
        [
            (
                Code.ALIAS_HIDES_NAME,
                place,
                'the alias "n0" would hide a node of that name',
                hint,
            )
        ],
        [
            (
                Code.ALIAS_HIDES_NAME,
                place,
                'the alias "i" would hide an input of that name',
                hint,
            )
        ],
        [
            (
                Code.ALIAS_HIDES_NAME,
                Location(IN_BATCH),
                'the alias "item" would hide a node of that name',
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
        ("", ": every item runs alike"),
        ("item", ": every item runs alike"),
        ("$${item}", ": every item runs alike"),
        ("${n1.item}", ": every item runs alike"),
        ({"${item}": 1}, ": every item runs alike"),
        ("${__index__}", ""),
    ],
)
def test_aliases_that_are_not_used(params: JSON, consequence: str) -> None:
    message = f'no param of "n0" uses the item, "item"{consequence}'

    assert facts(batch(params, {})) == [
        (Code.UNUSED_ALIAS, Location(IN_BATCH), message, "put ${item} into its params")
    ]
    (named,) = batch("", **{"as": "x"})
    assert named.location == Location((*IN_BATCH, "as"))


def test_an_unknown_name_may_be_the_alias_misspelt() -> None:
    assert batch("${itme}") == ()


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
            '"max_concurrent" does nothing: items run one by one',
            'set "parallel": true, or leave the key out',
        )
    ]


def test_an_output_without_a_source() -> None:
    assert facts(check({}, outputs={"a": {"source": ""}, "b c": {}})) == [
        (
            Code.OUTPUT_WITHOUT_SOURCE,
            Location(("outputs", "b c")),
            'output "b c" has no source: it is left out',
            'give it a "source" such as "${node.output}"',
        )
    ]
