import pytest

from pflow_lower.check.signatures import check_signatures
from pflow_lower.diagnostics import Code, Diagnostic
from pflow_lower.ir.codec import decode
from pflow_lower.nodetypes.catalog import Catalog, ImportReference
from pflow_lower.source.positions import JSON, Location


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


def facts(found: tuple[Diagnostic, ...]) -> list[tuple[Code, Location, str, str]]:
    return [(one.code, one.location, one.message, one.hint) for one in found]


# --- Types and params.


@pytest.mark.parametrize("name", ["echo", "acme:Node", "acme.nodes:A.B", "own"])
def test_types_that_are_known(name: str) -> None:
    assert check({"type": name}, own={"own": "a:B"}) == ()


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        (
            "shel",
            'the node type "shel" is unknown here: '
            "it must be installed where the workflow runs",
            'did you mean "shell"?',
        ),
        (
            "summarise",
            'the node type "summarise" is unknown here: '
            "it must be installed where the workflow runs",
            "refer to a class of your own as package.module:Class",
        ),
        (
            "acme/nodes.py:A",
            '"acme/nodes.py:A" is not a valid import reference',
            "write package.module:Class, in ASCII identifiers that are not keywords",
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
    message = f'node "n0" of type "{node["type"]}" is missing the param "{missing}"'

    assert facts(check(node)) == [(Code.MISSING_PARAM, place, message, "")]


@pytest.mark.parametrize(
    ("params", "code", "name", "hint"),
    [
        (
            {"comand": "ls"},
            Code.MISSING_PARAM,
            "comand",
            'write "command" instead of "comand"',
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


def test_an_output_without_a_source() -> None:
    assert facts(check({}, outputs={"a": {"source": ""}, "b c": {}})) == [
        (
            Code.OUTPUT_WITHOUT_SOURCE,
            Location(("outputs", "b c")),
            'output "b c" has no source: it is left out',
            'give it a "source" such as "${node.output}"',
        )
    ]
