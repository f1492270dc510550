import re
import subprocess
import sys
from importlib import import_module
from keyword import kwlist
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT

from pflow_lower.nodetypes.catalog import (
    BATCH_OUTPUTS,
    ERROR_OUTPUTS,
    Catalog,
    ImportReference,
    NodeType,
)

DOCS = ROOT / "docs"
BUILT_IN = Catalog().names

built_in = pytest.mark.parametrize("name", BUILT_IN)


def found(name: str) -> NodeType:
    known = Catalog().find(name)
    assert known is not None
    return known


@pytest.mark.parametrize(
    ("text", "module", "name"),
    [
        ("acme:Node", "acme", "Node"),
        ("acme.nodes:Summarise", "acme.nodes", "Summarise"),
        ("acme.nodes:Text.Summarise", "acme.nodes", "Text.Summarise"),
        ("_a1._b2:_C3", "_a1._b2", "_C3"),
        ("a:__Private", "a", "__Private"),
        ("match:type", "match", "type"),
    ],
)
def test_import_references(text: str, module: str, name: str) -> None:
    reference = ImportReference.parse(text)

    assert reference == ImportReference(module, name)
    assert str(reference) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "a", "a:", ":A", "a:A:B", "a.:A", ".a:A", "a..b:A", "a:.A", "a:A."),
        *("a b:A", "a:A ", "a:A\n", "\na:A", "a-b:A", "a/b:A", "1a:A", "a:1A", "ä:A"),
        *("a:Ä", "a:A()", "a;b:A", "a:Outer.__Inner", "a:A.__class__", "\u0430:A"),
        *(f"{keyword}:A" for keyword in kwlist),
        *(f"a.{keyword}:A" for keyword in kwlist),
        *(f"a:{keyword}" for keyword in kwlist),
        *(f"a:A.{keyword}" for keyword in kwlist),
    ],
)
def test_what_is_no_import_reference(text: str) -> None:
    assert ImportReference.parse(text) is None


@given(st.text(alphabet="aA1_.:-\n é", max_size=12))
def test_an_import_reference_is_safe_to_write_as_code(text: str) -> None:
    reference = ImportReference.parse(text)

    if reference is not None:
        code = f"from {reference.module} import x\nclass C:\n    y = {reference.name}"
        compile(code, "generated", "exec")
        assert code.isascii()


@built_in
def test_a_built_in_type_is_a_class_that_names_its_primary_output(name: str) -> None:
    known = found(name)
    node_class: Any = getattr(
        import_module(known.reference.module), known.reference.name
    )

    assert known.outputs is not None
    assert node_class.result in known.outputs


@built_in
def test_a_built_in_type_is_as_the_docs_say(name: str) -> None:
    known = found(name)
    params, outputs, primary = documented(name)
    node_class: Any = getattr(
        import_module(known.reference.module), known.reference.name
    )

    assert known.outputs is not None
    assert list(known.outputs) == outputs
    assert node_class.result == primary
    if known.params is None:
        assert params == {}
    else:
        assert known.params == params
        assert list(known.required) == [each for each in params if params[each]]


def documented(name: str) -> tuple[dict[str, bool], list[str], str]:
    """Read its page: params, with whether they are required; outputs; the primary."""
    page = (DOCS / "reference" / "nodes" / f"{name}.md").read_text("utf-8")
    tables = dict(
        re.findall(r"\| (param|output) \| \|\n\|---\|---\|\n((?:\|.*\n)+)", page)
    )
    params, outputs = (
        "\n".join(row.split("|")[1] for row in tables.get(kind, "").splitlines())
        for kind in ("param", "output")
    )
    params = re.sub(r"\(.*?\)", "", params)
    return (
        {
            param: bool(star)
            for param, star in re.findall(r"`([\w-]+)`( \\\*)?", params)
        },
        re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", outputs)),
        re.findall(r"\*\*`(\w+)`\*\*", outputs)[0],
    )


@built_in
def test_a_built_in_type_declares_its_actions(name: str) -> None:
    assert found(name).actions == ("default", "error")


def test_which_built_in_params_are_code() -> None:
    runs = {name: dict(found(name).runs) for name in BUILT_IN if found(name).runs}

    assert runs == {"shell": {"command": "shell"}, "code": {"code": "python"}}


def test_no_node_is_imported_to_be_looked_up() -> None:
    program = (
        "import sys\n"
        "from pflow_lower.nodetypes.catalog import Catalog\n"
        "assert all(map(Catalog().find, Catalog().names))\n"
        "assert not [name for name in sys.modules if 'pflow_lower.nodes.' in name]\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_users_own_types_win() -> None:
    own = ImportReference("acme", "SandboxedShell")
    catalog = Catalog({"shell": own, "summarise": own})

    assert catalog.find("shell") == catalog.find("summarise") == NodeType(own)
    assert set(catalog.names) == {*BUILT_IN, "summarise"}


def test_of_an_import_reference_only_the_class_is_known() -> None:
    reference = ImportReference("acme.nodes", "Upper")

    assert Catalog().find("acme.nodes:Upper") == NodeType(reference)


@pytest.mark.parametrize("name", ["shel", "Shell", "", "acme:", "acme.nodes"])
def test_other_types_are_not_known(name: str) -> None:
    assert Catalog().find(name) is None


def test_the_outputs_of_a_batch_and_of_a_failure_are_as_the_docs_say() -> None:
    docs = (DOCS / "language.md").read_text("utf-8")

    assert all(f'"{output}"' in docs for output in BATCH_OUTPUTS)
    assert "has the outputs `error` and `type` besides its own" in " ".join(
        docs.split()
    )
    assert list(ERROR_OUTPUTS) == ["error", "type"]
