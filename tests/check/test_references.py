import pytest

from pflow_lower.check.references import check_references
from pflow_lower.check.semantics import Bindings
from pflow_lower.diagnostics import Code, Diagnostic, Severity
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
    "style": {"type": "string", "required": False},
    "tone": {"required": False, "default": None},
}

Found = list[tuple[Code, str, str]]
"""Codes, what of the template each is about, and the hint."""


def chain(text: JSON, at: int = 2, **keys: JSON) -> tuple[Diagnostic, ...]:
    """Check a text in the params of one of four nodes that follow each other.

    They are `ls`, a shell; `sum`, a batch of llm over `file`; `merge`, a node of a
    type that nobody knows, which has an error edge too; and `save`, a file node.
    """
    nodes: list[dict[str, JSON]] = [
        {"id": "ls", "type": "shell"},
        {
            "id": "sum",
            "type": "llm",
            "batch": {"items": "${ls.files}", "as": "file"},
        },
        {"id": "merge", "type": "acme:Merge"},
        {"id": "save", "type": "write-file"},
    ]
    nodes[at]["params"] = {"text": text}
    document: dict[str, JSON] = {
        "nodes": list(nodes),
        "edges": [
            {"from": "ls", "to": "sum"},
            {"from": "sum", "to": "merge"},
            {"from": "merge", "to": "save"},
            {"from": "merge", "to": "save", "action": "error"},
            {"from": "ls", "to": "merge", "action": "error"},
        ],
        "inputs": INPUTS,
    }
    return check(document | keys)


def check(document: JSON) -> tuple[Diagnostic, ...]:
    workflow, found = decode(document)
    assert found == ()
    return check_references(Bindings(workflow, Catalog()))


def found_in(text: str, at: int = 2, **keys: JSON) -> Found:
    return [(one.code, _part(text, one), one.hint) for one in chain(text, at, **keys)]


def _part(text: str, one: Diagnostic) -> str:
    characters = one.location.characters
    return text[characters.start : characters.stop] if characters else ""


def said(text: str, at: int = 2) -> str:
    (one,) = chain(text, at)
    return one.message


# --- Names.


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("${topic} ${anything.a[0].b} ${options.a} ${rows[0].x}", 0),
        ("${ls.stdout} ${ls.stdout.user.name} ${ls.files[0]} ${ls.lines[0].a}", 1),
        ("${ls}", 1),
        ("${file} ${file.a[0]} ${__index__}", 1),
        ("${ls.files[${__index__}]} ${rows[${count}]}", 1),
        ("${sum.results} ${sum.results[0].a} ${sum.errors[0].error} ${sum.count}", 2),
        ("${ls.error} ${ls.type} ${ls.stdout}", 2),
        ("${merge.whatever[0]} ${merge.error}", 3),
        ("${style ?? 1} ${style ?? topic} ${tone}", 0),
        ("${ls.stdout ?? style ?? 1}", 1),
        ("$<sum.results> $<rows[${count}]>", 2),
        ("$${nobody} $HOME $$<nobody>", 0),
        ("${1} ${true} ${[]}", 0),
    ],
)
def test_references_that_are_bound(text: str, at: int) -> None:
    assert chain(text, at) == ()


@pytest.mark.parametrize(
    ("text", "part", "hint"),
    [
        ("${sumary.results}", "sumary", 'did you mean "sum"?'),
        ("a $<TOPIC> b", "TOPIC", 'did you mean "topic"?'),
        ("${ls.stdout ?? tpoic}", "tpoic", 'did you mean "topic"?'),
        ("${rows[${cuont}].a}", "cuont", 'did you mean "count"?'),
        ("${files}", "files", "did you mean ${ls.files}?"),
        ("${results}", "results", "did you mean ${sum.results}?"),
        (
            "${HOME}",
            "HOME",
            'declare it under "inputs", or write $$ for $ if it is plain text',
        ),
        ("${style ?? plain}", "plain", 'for the literal, write \\"plain\\"'),
        ("${style ?? None}", "None", "for the literal, write null"),
        ("${style ?? True}", "True", "for the literal, write true"),
        (
            "${style ?? plain.text}",
            "plain",
            "available names: topic, count, flag, options, rows, anything, style, "
            "tone, ls, sum",
        ),
    ],
)
def test_names_that_nothing_has(text: str, part: str, hint: str) -> None:
    assert found_in(text) == [(Code.UNKNOWN_NAME, part, hint)]


def test_every_unknown_name_is_reported() -> None:
    found = found_in("${ax} ${bx.y ?? cx[${dx}]} $<ex>")

    assert [part for _, part, _ in found] == ["ax", "bx", "cx", "dx", "ex"]


def test_the_message_about_an_unknown_name() -> None:
    assert said("${nobody.x}") == 'no node or input is called "nobody"'


def test_in_permissive_mode_an_unknown_name_is_a_warning() -> None:
    (one,) = chain("${nobody}", template_resolution_mode="permissive")
    (error,) = chain("${ls.nothing}", template_resolution_mode="permissive")

    assert (one.code, one.severity) == (Code.UNKNOWN_NAME, Severity.WARNING)
    assert error.severity is Severity.ERROR


# --- Nodes that have not run.


@pytest.mark.parametrize(
    ("text", "at", "message", "hint"),
    [
        (
            "${merge.a}",
            2,
            '"merge" refers to its own outputs, which do not exist yet',
            "refer to a node that runs earlier",
        ),
        (
            "${sum.results[0]}",
            1,
            '"sum" refers to its own outputs, which do not exist yet',
            "refer to a node that runs earlier",
        ),
        (
            "${save.written ?? 1}",
            0,
            '"save" runs after "ls": it has no outputs yet',
            "reverse the edges, or refer to a node that runs earlier",
        ),
    ],
)
def test_nodes_that_have_not_run(text: str, at: int, message: str, hint: str) -> None:
    (one,) = chain(text, at)

    assert (one.code, one.message, one.hint) == (Code.NOT_RUN_YET, message, hint)


def test_a_node_on_another_branch_has_not_run() -> None:
    (one,) = check(
        {
            "nodes": [
                {"id": "a", "type": "echo"},
                {"id": "b", "type": "echo"},
                {"id": "c", "type": "echo", "params": {"value": "${b.value}"}},
            ],
            "edges": [
                {"from": "a", "to": "b"},
                {"from": "a", "to": "c", "action": "x"},
            ],
        }
    )

    assert one.path == ("nodes", 2, "params", "value")
    assert one.message == '"b" will not have run: no path leads from it to "c"'
    assert one.hint == "add an edge, or refer to a node that runs earlier"


def test_an_output_may_refer_to_every_node() -> None:
    outputs: JSON = {"a": {"source": "${ls.stdout} ${save.written} ${sum.results}"}}

    assert chain("", outputs=outputs) == ()


NODES: JSON = [
    {"id": "a", "type": "echo"},
    {"id": "b", "type": "echo", "params": {"value": "${a.value} ${c.value}"}},
    {"id": "c", "type": "echo", "params": {"value": "${a.value}"}},
]


@pytest.mark.parametrize(
    ("edges", "keys"),
    [
        ("a>b", {}),
        ("a>c", {}),
        ("", {}),
        ("a>b b>x", {}),
        ("a>c c>b b>a", {}),
        ("a>c", {"start_node": "x"}),
    ],
)
def test_what_follows_from_wrong_edges_is_not_reported_as_well(
    edges: str, keys: dict[str, JSON]
) -> None:
    ends = (edge.split(">") for edge in edges.split())
    listed: list[JSON] = [{"from": source, "to": target} for source, target in ends]

    assert check({"nodes": NODES, "edges": listed, **keys}) == ()


# --- Outputs, and what is inside them.


@pytest.mark.parametrize(
    ("text", "part", "message", "hint"),
    [
        (
            "${ls.stduot}",
            "ls.stduot",
            'node "ls" has no output "stduot"',
            'did you mean "stdout"?',
        ),
        (
            "${save.path}",
            "save.path",
            'node "save" has no output "path"',
            'did you mean "file_path"?',
        ),
        (
            "${sum.response}",
            "sum.response",
            'node "sum" has no output "response"',
            "${sum.results} holds the results of the items",
        ),
        (
            "${sum.x}",
            "sum.x",
            'node "sum" has no output "x"',
            "available outputs: results, errors, count, success_count, error_count",
        ),
        (
            "${sum.error}",
            "sum.error",
            'node "sum" has no output "error"',
            'a node has it only if an edge for the action "error" leaves it',
        ),
    ],
)
def test_outputs_that_a_node_does_not_have(
    text: str, part: str, message: str, hint: str
) -> None:
    (one,) = chain("", outputs={"a": {"source": text}})

    assert (one.code, one.path) == (Code.UNKNOWN_OUTPUT, ("outputs", "a", "source"))
    assert (_part(text, one), one.message, one.hint) == (part, message, hint)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${ls[0]}", 'the outputs of node "ls" have names, not indexes'),
        ("${ls[${count}]}", 'the outputs of node "ls" have names, not indexes'),
        (
            "${ls.exit_code.value}",
            'the output "exit_code" of node "ls" is a number: '
            "it has no fields or elements",
        ),
        (
            "${ls.files.first}",
            'the output "files" of node "ls" is an array: '
            "its elements have indexes, not names",
        ),
        (
            "${sum.count[0]}",
            'the output "count" of node "sum" is a number: '
            "it has no fields or elements",
        ),
        ("${count.x}", 'input "count" is a number: it has no fields or elements'),
        ("${flag[0]}", 'input "flag" is a boolean: it has no fields or elements'),
        (
            "${rows.first}",
            'input "rows" is an array: its elements have indexes, not names',
        ),
        (
            "${options[0]}",
            'input "options" is an object: its values have names, not indexes',
        ),
        (
            "${options[${count}]}",
            'input "options" is an object: its values have names, not indexes',
        ),
    ],
)
def test_paths_that_lead_nowhere(text: str, message: str) -> None:
    (one,) = chain(text)

    assert (one.code, one.message, one.hint) == (Code.IMPOSSIBLE_PATH, message, "")
    assert f"${{{_part(text, one)}}}" == text


def kept(text: str, at: str) -> tuple[Diagnostic, ...]:
    """Check a text where it stands in a batch that keeps its results in a file.

    `at` is a key of the batch, or `value`, a param of the node that comes after it.
    """
    batch: dict[str, JSON] = {
        "items": [1],
        "as": "file",
        "key": "${file}",
        "results_to": "kept.jsonl",
    }
    if at in batch:
        batch[at] = text
    nodes: list[JSON] = [
        {"id": "before", "type": "shell"},
        {"id": "kept", "type": "echo", "batch": batch},
        {
            "id": "after",
            "type": "echo",
            "params": {"value": text if at == "value" else ""},
        },
    ]
    edges: list[JSON] = [
        {"from": "before", "to": "kept"},
        {"from": "kept", "to": "after"},
    ]
    return check({"nodes": nodes, "edges": edges, "inputs": INPUTS})


@pytest.mark.parametrize("rest", ["[0]", "[0].result", ".first", "[${count}]"])
def test_nothing_is_inside_results_that_are_a_file(rest: str) -> None:
    (one,) = kept(f"${{kept.results{rest}}}", "value")

    assert one.code is Code.IMPOSSIBLE_PATH
    assert one.message == (
        'the output "results" of node "kept" is the path of a file: '
        "it has no fields or elements"
    )
    assert one.hint == (
        'to read that file in a batch, write "items": {"jsonl": "${kept.results}"}'
    )


@pytest.mark.parametrize("text", ["${kept.results}", "${kept.errors[0]}", "${kept}"])
def test_the_file_itself_and_other_outputs_are_let_through(text: str) -> None:
    assert kept(text, "value") == ()


@pytest.mark.parametrize("key", ["${file}", "${file.a} ${__index__}", "${topic}"])
def test_the_item_is_known_in_the_key(key: str) -> None:
    assert kept(key, "key") == ()


@pytest.mark.parametrize("at", ["key", "results_to"])
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("${nobody}", Code.UNKNOWN_NAME),
        ("${after.value}", Code.NOT_RUN_YET),
        ("${kept.results}", Code.NOT_RUN_YET),
        ("${before.nothing}", Code.UNKNOWN_OUTPUT),
        ("${count.x}", Code.IMPOSSIBLE_PATH),
        ("${style}", Code.MAYBE_NOT_GIVEN),
    ],
)
def test_references_in_settings_are_checked_as_any(
    at: str, text: str, code: Code
) -> None:
    (one,) = kept(text, at)

    assert (one.code, one.path) == (code, ("nodes", 1, "batch", at))
    assert _part(text, one) in text


def test_references_in_what_is_read_are_checked_as_any() -> None:
    (one,) = batch_over({"glob": "${nobody}/*.txt"})

    assert (one.code, one.path) == (
        Code.UNKNOWN_NAME,
        ("nodes", 1, "batch", "items", "glob"),
    )


@pytest.mark.parametrize(
    ("name", "what"), [("file", "item"), ("__index__", "index of an item")]
)
def test_the_item_is_not_known_in_the_name_of_the_results(name: str, what: str) -> None:
    text = f"out/${{{name}}}.jsonl"
    (one,) = kept(text, "results_to")

    assert one.code is Code.ALIAS_OUTSIDE_BATCH
    assert _part(text, one) == name
    assert one.message == (
        f'"{name}" is the {what} of "kept": only its params and its key can use it'
    )
    assert one.hint == "the results of all items go to one file"


def test_the_index_of_an_item_is_a_number() -> None:
    assert (
        said("${__index__.x}", 1)
        == '"__index__" is a number: it has no fields or elements'
    )


# --- Inputs that may be missing.


@pytest.mark.parametrize(
    ("text", "part", "hint"),
    [
        (
            "${style}",
            "style",
            "add a fallback, ${style ?? ...}, or give it a default",
        ),
        (
            "${ls.stdout ?? style.a}",
            "style.a",
            "add a fallback, ${style.a ?? ...}, or give it a default",
        ),
        ("${rows[${style}]}", "style", "give it a default"),
    ],
)
def test_optional_inputs(text: str, part: str, hint: str) -> None:
    assert found_in(text) == [(Code.MAYBE_NOT_GIVEN, part, hint)]


# --- Items.


@pytest.mark.parametrize(
    ("text", "at", "message", "hint"),
    [
        (
            "${file.a}",
            2,
            '"file" is the item of "sum": only its params can use it',
            "${sum.results} holds the results of the items",
        ),
        (
            "${__index__}",
            0,
            '"__index__" is the index of an item of "sum": only its params can use it',
            "${sum.results} holds the results of the items",
        ),
    ],
)
def test_an_item_is_known_in_its_own_batch_only(
    text: str, at: int, message: str, hint: str
) -> None:
    (one,) = chain(text, at)

    assert (one.code, one.message, one.hint) == (
        Code.ALIAS_OUTSIDE_BATCH,
        message,
        hint,
    )


def batch_over(items: JSON, **keys: JSON) -> tuple[Diagnostic, ...]:
    """Check a batch, `b 1`, over some items, which comes after the shell `ls`."""
    return check(
        {
            "nodes": [
                {"id": "ls", "type": "shell"},
                {"id": "b 1", "type": "echo", "batch": {"items": items}},
            ],
            "edges": [{"from": "ls", "to": "b 1"}],
            "inputs": INPUTS,
            **keys,
        }
    )


@pytest.mark.parametrize("items", ["${item}", ["${item.a}"], "${__index__}"])
def test_an_item_is_not_known_in_the_items(items: JSON) -> None:
    (one,) = batch_over(items)

    assert one.code is Code.ALIAS_OUTSIDE_BATCH
    assert one.message.endswith('of "b 1": only its params can use it')
    assert one.hint == ""


def test_no_reference_is_suggested_that_could_not_be_written() -> None:
    (one,) = batch_over("${rows}", outputs={"a": {"source": "${item}"}})

    assert (one.path, one.hint) == (("outputs", "a", "source"), "")


def test_names_that_stand_for_two_things_are_not_looked_into() -> None:
    document: JSON = {
        "nodes": [
            {"id": "a", "type": "shell"},
            {"id": "a", "type": "echo"},
            {
                "id": "topic",
                "type": "shell",
                "params": {"command": "${a.x} ${topic.y}"},
            },
        ],
        "inputs": {"topic": {"type": "number"}},
    }

    assert check(document) == ()
