"""The public names: `docs/language.md` § 6."""

import asyncio
import copy
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from places import ROOT
from pocketflow import AsyncFlow

import pflow_lower
from pflow_lower import Diagnostic, Lowered, LoweringError, lower, lower_file
from pflow_lower.runtime import BatchError

IR: Mapping[str, Any] = MappingProxyType(
    {
        "inputs": {"words": {"type": "array", "default": ["a", "b"]}},
        "nodes": [
            {
                "id": "shout",
                "type": "code",
                "batch": {"items": "${words}", "as": "word"},
                "params": {
                    "code": "result = word.upper()",
                    "inputs": {"word": "${word}"},
                },
            }
        ],
        "outputs": {"shouted": {"source": "${shout.results}"}},
    }
)


def test_text_and_object_give_the_same() -> None:
    from_text, from_object = lower(json.dumps(dict(IR))), lower(IR)
    assert from_text == from_object
    assert isinstance(from_text, Lowered)


def test_what_a_lowering_gives() -> None:
    lowered = lower(IR, name="words")
    assert (lowered.name, lowered.module_name) == ("words", "words_lowered")
    assert lowered.ir["nodes"] == [
        {
            "id": "shout",
            "type": "words_lowered:Shout",
            "params": {"items": "${words}"},
        }
    ]
    assert lowered.ir_text == json.dumps(lowered.ir, indent=2) + "\n"
    assert lowered.diagnostics == ()


def test_it_runs_in_memory() -> None:
    lowered = lower(IR)
    assert lowered.load().run() == {"shouted": ["A", "B"]}
    assert lowered.load().run(words=["c"]) == {"shouted": ["C"]}
    assert lowered.load() is not lowered.load()
    assert lowered.module_name not in sys.modules


def test_its_flow_is_a_pocketflow_flow() -> None:
    flow = lower(IR).flow()
    assert isinstance(flow, AsyncFlow)
    shared: dict[str, Any] = {"words": ["x"]}
    asyncio.run(flow.run_async(shared))
    assert shared["shout"]["results"] == shared["shouted"] == ["X"]


def test_the_object_given_is_not_changed() -> None:
    ir = copy.deepcopy(dict(IR))
    lower(ir, results="record", nodes={"code": "pflow_lower.nodes.echo:EchoNode"})
    assert ir == IR


def test_write_gives_the_paths_of_what_it_wrote(tmp_path: Path) -> None:
    lowered = lower(IR, name="words")
    paths = lowered.write(tmp_path / "new")
    assert paths == (
        tmp_path / "new" / "words.lowered.json",
        tmp_path / "new" / "words_lowered.py",
    )
    assert [path.read_text() for path in paths] == [lowered.ir_text, lowered.module]


def test_a_file_gives_its_stem_as_name(tmp_path: Path) -> None:
    path = tmp_path / "my words.json"
    path.write_text(json.dumps(dict(IR)))
    lowered = lower_file(path)
    assert (lowered.name, lowered.module_name) == ("my words", "my_words_lowered")
    assert lower_file(str(path), name="words") == lower(IR, name="words")


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lower_file(tmp_path / "gone.json")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0b"])
def test_a_name_that_no_file_could_have_is_a_value_error(name: str) -> None:
    with pytest.raises(ValueError, match="is not a valid file name"):
        lower(IR, name=name)


@pytest.mark.parametrize(
    "name", ["class", "2024", "été", "a.b", "a-b", "'", "__init__"]
)
def test_a_module_name_is_an_ascii_identifier(name: str) -> None:
    module_name = lower(IR, name=name).module_name
    assert module_name.isidentifier()
    assert module_name.isascii()


@pytest.mark.parametrize("reference", ["x", "a:", ":b", "a b:c", "a:b;c", "class:x"])
def test_a_node_that_is_no_import_reference_is_a_value_error(reference: str) -> None:
    with pytest.raises(ValueError, match=r"must be package\.module:Class"):
        lower(IR, nodes={"llm": reference})


def test_errors_hold_every_diagnostic_sorted_by_position() -> None:
    text = json.dumps(
        {
            "nodes": [
                {"id": "a", "type": "echo", "params": {"value": "${b}"}},
                {"id": "c", "type": "ecko", "params": {"value": "${a.x}"}},
            ],
            "edges": [{"from": "a", "to": "c"}],
        },
        indent=1,
    )
    with pytest.raises(LoweringError) as caught:
        lower(text, name="docs")
    found = caught.value.diagnostics
    assert [(one.code, one.severity, one.line) for one in found] == [
        ("PFL301", "error", 7),
        ("PFL503", "warning", 12),
        ("PFL304", "error", 14),
    ]
    first = found[0]
    assert isinstance(first, Diagnostic)
    assert first.path == ("nodes", 0, "params", "value")
    assert first.message == 'no node or input is called "b"'
    for one in found:
        assert one.message in str(caught.value)


def test_an_object_gives_paths_and_no_lines() -> None:
    with pytest.raises(LoweringError) as caught:
        lower({"nodes": [{"id": "a", "type": "echo", "params": {"value": "${b}"}}]})
    (only,) = caught.value.diagnostics
    assert (only.line, only.column) == (None, None)
    assert "nodes[0].params.value" in str(caught.value)


def test_a_batch_error_can_be_caught_by_name() -> None:
    module = lower(IR).load()
    with pytest.raises(BatchError) as caught:
        module.run(words=["a", 5, "b"])
    error = caught.value
    assert (error.node_id, error.index, error.item) == ("shout", 1, 5)
    assert error.results == ["A", None]
    assert isinstance(error.__cause__, AttributeError)


def test_the_package_offers_its_names_and_no_others() -> None:
    for name in pflow_lower.__all__:
        assert getattr(pflow_lower, name)
    with pytest.raises(AttributeError, match="has no attribute 'lowr'"):
        getattr(pflow_lower, "lowr")  # noqa: B009 - mypy knows that it is not there


def test_lower_is_the_function_whatever_was_imported_before() -> None:
    program = (
        "import pflow_lower.pipeline, pflow_lower.cli.main, pflow_lower.api\n"
        "from pflow_lower import lower\n"
        "print(callable(lower))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "True\n"


@pytest.mark.slow
def test_a_wheel_runs_where_there_is_no_checkout(tmp_path: Path) -> None:
    """Build the wheel, unpack it, and lower with nothing else of ours on the path."""
    root = ROOT
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            root,
            "--no-deps",
            "-w",
            tmp_path,
            "--no-build-isolation",
        ],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("pflow_lower-*.whl")
    program = (
        "import sys, json\n"
        f"sys.path[:] = [p for p in sys.path if {str(root / 'transpiler')!r} != p]\n"
        f"sys.path.insert(0, {str(tmp_path / 'unpacked')!r})\n"
        "import pflow_lower\n"
        "from pflow_lower import lower\n"
        "ir = json.load(sys.stdin)\n"
        "print(pflow_lower.__file__)\n"
        "print(lower(ir).load().run())\n"
    )
    unpacked = tmp_path / "unpacked"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, unpacked], check=True)
    ended = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(dict(IR)),
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    where, outputs = ended.stdout.splitlines()
    assert where.startswith(str(unpacked))
    assert outputs == "{'shouted': ['A', 'B']}"
    assert (unpacked / "pflow_lower" / "py.typed").exists()
    assert (unpacked / "pflow_lower" / "grammar" / "template.lark").exists()
