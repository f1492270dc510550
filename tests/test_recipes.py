"""The recipes of `docs/contributing.md`, each followed in a copy of the package."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from places import ROOT

PAGE = (ROOT / "docs" / "contributing.md").read_text("utf-8")
PARTS = re.split(r"^## Add an? ", PAGE, flags=re.MULTILINE)
RECIPES = {name: part for name, _, part in (each.partition("\n") for each in PARTS[1:])}
BLOCK = re.compile(
    r'^ *```(\w+) title="([^"]+)"\n(.*?)^ *```$', re.MULTILINE | re.DOTALL
)
Ended = subprocess.CompletedProcess[str]


class Copy:
    """A copy of the package, in which recipes are followed and programs run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ignored = shutil.ignore_patterns("__pycache__")
        for part in ("transpiler", "grammar", "typings"):
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", folder)

    def follow(self, recipe: str) -> None:
        """Make the changes that a recipe shows."""
        blocks = BLOCK.findall(RECIPES[recipe])
        assert blocks
        for language, name, text in blocks:
            path, block = self.folder / name, dedent(text)
            before = path.read_text("utf-8") if path.exists() else ""
            after = changed(before, block) if language == "diff" else before + block
            path.write_text(after, "utf-8")

    def run(self, *arguments: str) -> Ended:
        """Run Python with the copy instead of the package."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder / "transpiler")},
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )

    def lower(self, node: Mapping[str, Any], *options: str) -> Ended:
        """Lower a workflow of one node with the command line."""
        ir = json.dumps({"nodes": [{"id": "a", **node}]})
        (self.folder / "docs.json").write_text(ir, "utf-8")
        return self.run("-m", "pflow_lower", "docs.json", "-q", *options)


def changed(text: str, diff: str) -> str:
    """Return a text after a change whose context it has exactly once."""
    lines = [(line[:1], line[1:]) for line in diff.splitlines(keepends=True)]
    old = "".join(rest for sign, rest in lines if sign != "+")
    new = "".join(rest for sign, rest in lines if sign != "-")
    assert text.count(old) == 1, f"the text should have once:\n{old}"
    return text.replace(old, new)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_a_batch_key(copy: Copy) -> None:
    copy.follow("batch key")
    batch = {"items": ["x", "y"], "min_items": 3}
    node = {"type": "echo", "params": {"value": "${item}"}}

    assert copy.lower({**node, "batch": batch}).stderr == ""
    assert "    min_items = 3\n" in (copy.folder / "docs_lowered.py").read_text()
    ended = copy.run("docs_lowered.py")
    assert ended.returncode == 1
    assert "there are fewer than 3 items" in ended.stderr

    copy.lower({**node, "batch": {**batch, "min_items": 2}})
    assert copy.run("docs_lowered.py").returncode == 0

    ended = copy.lower({**node, "batch": {**batch, "min_items": 0}})
    assert "error[PFL105]" in ended.stderr


def test_a_diagnostic(copy: Copy) -> None:
    copy.follow("diagnostic")

    ended = copy.lower({"type": "echo", "batch": {"items": []}})
    assert ended.returncode == 0
    assert "warning[PFL511]: the batch has no items\n" in ended.stderr
    ended = copy.run("-m", "pflow_lower", "--explain", "PFL511")
    assert "a batch without items" in ended.stdout


def test_a_node_type(copy: Copy) -> None:
    copy.follow("node type")

    ended = copy.lower({"type": "reverse", "params": {"text": "tea"}})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(copy.run("docs_lowered.py").stdout)["a"] == {"reversed": "aet"}

    ended = copy.lower({"type": "reverse", "params": {"txt": "tea"}})
    assert "error[PFL209]" in ended.stderr


def test_an_output_format(copy: Copy) -> None:
    copy.follow("output format")

    ended = copy.lower({"type": "ecko"}, "--output-format", "tsv")
    assert ended.stderr.startswith("docs.json\t1\tPFL503\t")


def test_an_event(copy: Copy) -> None:
    copy.follow("event")
    batch = {"items": [1, 2, 3], "parallel": True, "max_concurrent": 2}

    copy.lower({"type": "echo", "batch": batch})
    ended = copy.run("docs_lowered.py", "--events", "events")
    assert (ended.returncode, ended.stderr) == (0, "")
    log = (copy.folder / "events").read_text().splitlines()
    first, second, *_ = map(json.loads, log)
    assert first["kind"] == "batch_started"
    assert (second["kind"], second["workers"]) == ("crew_started", 2)
    shown = copy.run("-c", "from pflow_lower.runtime import CrewStarted")
    assert shown.returncode == 0


@pytest.mark.slow
def test_all_together_are_as_the_rest_of_the_code(copy: Copy) -> None:
    for recipe in RECIPES:
        copy.follow(recipe)

    for command in (
        "ruff check transpiler",
        "ruff format --check transpiler",
        "mypy transpiler",
    ):
        ended = copy.run("-m", *command.split())
        assert ended.returncode == 0, ended.stdout + ended.stderr
