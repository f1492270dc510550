"""What is read of a node class without importing it, and what is not."""

import sys
from pathlib import Path

import pytest

from pflow_lower.nodetypes.declared import Declared, declared

NOTHING = Declared()


def read(folder: Path, name: str, **sources: str) -> Declared:
    """Read class `name` of one of some modules, by their paths."""
    for module, source in sources.items():
        path = folder.joinpath(*module.split("/")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"raise SystemExit('this module was run')\n{source}")
    module, _, name = name.partition(":")
    return declared(module, name, (str(folder),))


@pytest.mark.parametrize(
    ("body", "params"),
    [
        ("params = ('a', 'b')", {"a": False, "b": False}),
        ("params = ['a']", {"a": False}),
        ("params = {'a': 'required', 'b': 'optional'}", {"a": True, "b": False}),
        ("params: ClassVar[object] = ()", {}),
        ("params = {}", {}),
        ("params = ('a',)\n  params = ('b',)", {"b": False}),
        ("params = 'ab'", None),
        ("params = ('a', 1)", None),
        ("params = {'a': 'requird'}", None),
        ("params = {'a': ['required']}", None),
        ("params = {1: 'required'}", None),
        ("params = tuple(NAMES)", None),
        ("params = {**more}", None),
        ("params: dict[str, str]", None),
        ("def params(self): ...", None),
        ("a = params = ('a',)", None),
        ("if True:\n    params = ('a',)", None),
    ],
)
def test_params(body: str, params: dict[str, bool] | None, tmp_path: Path) -> None:
    assert read(tmp_path, "m:C", m=f"class C:\n  {body}\n").params == params


@pytest.mark.parametrize(
    ("body", "outputs"),
    [
        ("outputs = ('a', 'b')", {"a": "any", "b": "any"}),
        ("outputs = {'a': 'string', 'b': 'array'}", {"a": "string", "b": "array"}),
        ("outputs = ('a',); result = 'b'", {"a": "any", "b": "any"}),
        ("outputs = {'a': 'number'}; result = 'a'", {"a": "number"}),
        ("outputs = {'a': 'text'}", None),
        ("outputs = {'a': str}", None),
        ("outputs = {'a': None}", None),
        ("result = 'a'", None),
    ],
)
def test_outputs(body: str, outputs: dict[str, str] | None, tmp_path: Path) -> None:
    assert read(tmp_path, "m:C", m=f"class C:\n  {body}\n").outputs == outputs


@pytest.mark.parametrize(
    ("body", "actions"),
    [
        ("actions = ('default', 'empty')", ("default", "empty")),
        ("actions = ['default']", ("default",)),
        ("actions = 'default'", None),
        ("actions = ('default', 1)", None),
        ("actions = {'default': 'x'}", None),
    ],
)
def test_actions(body: str, actions: tuple[str, ...] | None, tmp_path: Path) -> None:
    assert read(tmp_path, "m:C", m=f"class C:\n  {body}\n").actions == actions


@pytest.mark.parametrize(
    ("body", "runs"),
    [
        ("runs = {'script': 'shell'}", {"script": "shell"}),
        ("runs = {'script': None}", {}),
        ("runs = ('script',)", {}),
        ("runs = dict(script='shell')", {}),
    ],
)
def test_runs(body: str, runs: dict[str, str], tmp_path: Path) -> None:
    assert read(tmp_path, "m:C", m=f"class C:\n  {body}\n").runs == runs


@pytest.mark.parametrize(
    ("name", "sources"),
    [
        ("m:C.Inner", {"m": "class C:\n  class Inner:\n    params = ('a',)"}),
        ("m:C", {"m": "class B:\n  params = ('a',)\nclass C(B): ..."}),
        (
            "m:D",
            {
                "m": "class A: params = ('x',)\nclass B(A): params = ('a',)\n"
                "class C(A): ...\nclass D(C, B): ..."
            },
        ),
        ("p.m:C", {"p/m": "class C: params = ('a',)"}),
        (
            "p:C",
            {"p/__init__": "from p.m import C", "p/m": "class C: params = ('a',)"},
        ),
        (
            "p:D",
            {
                "p/__init__": "from .q.m import C as D",
                "p/q/m": "from ...p import base\nclass C(base.B): ...",
                "p/base": "class B: params = ('a',)",
            },
        ),
        (
            "m:C",
            {
                "m": "import p.base\nimport p.base as b\nclass C(p.base.B, b.B): ...",
                "p/base": "class B: params = ('a',)",
            },
        ),
    ],
)
def test_classes_are_followed(
    name: str, sources: dict[str, str], tmp_path: Path
) -> None:
    assert read(tmp_path, name, **sources).params == {"a": False}
    assert not {"m", "p"} & sys.modules.keys()


@pytest.mark.parametrize(
    ("name", "sources"),
    [
        ("gone:C", {}),
        ("m:Gone", {"m": "class C: ..."}),
        ("m:C", {"m": "C = make()"}),
        ("m:C.D", {"m": "class C: ..."}),
        ("m:C", {"m": "class C(:"}),
        ("m:C", {"m": "class C(C): ..."}),
        ("m:C", {"m": "from n import C", "n": "from m import C"}),
        ("m:C", {"m": "from pocketflow import Node as C"}),
        ("m:C", {"m": "from .... import C"}),
        ("m:C", {"m": "class C(make(), *bases, metaclass=M): ..."}),
        ("m:C", {"m": "x = '\\d'\nclass C: ..."}),
        ("m:C", {"m": "\0"}),
        ("m:C", {"m": "class C: params = " + "-" * 99_999 + "1"}),
        ("sys:C", {}),
    ],
)
def test_what_cannot_be_read_is_not_known(
    name: str, sources: dict[str, str], tmp_path: Path
) -> None:
    assert read(tmp_path, name, **sources) == NOTHING


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_bytes(b"\xff\xfe")
    (tmp_path / "n.py").mkdir()

    assert declared("m", "C", (str(tmp_path),)) == NOTHING
    assert declared("n", "C", (str(tmp_path),)) == NOTHING


def test_the_first_folder_wins(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "m.py").write_text(f"class C: params = ('{name}',)")
    folders = (str(tmp_path / "none"), str(tmp_path / "one"), str(tmp_path / "two"))

    assert declared("m", "C", folders).params == {"one": False}
