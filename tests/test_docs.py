"""The documentation: its code blocks run as they can be pasted, and its length.

A page is followed in a folder of its own, block by block, in order:

    json, toml, python with title="NAME"   is written to that file
    ... with title="NAME (part)"           is part of that file, which is there by now
    sh                                     is run by bash and succeeds
    text                                   is what the last command printed, all of it
    python without a title                 is run
    json without a title                   lowers if it is a workflow; else, it is JSON

A comment before a block says what else is expected: `<!-- status: 1 -->`, or
`<!-- not run: REASON -->`.
"""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from places import ROOT

from pflow_lower import lower

EXAMPLE = ROOT / "examples" / "summarize"
FROM_NOTHING = [ROOT / "docs" / "tutorial.md"]
HOW_TO = sorted((ROOT / "docs" / "how-to").glob("*.md"))
WITH_EXAMPLE = [ROOT / "README.md", *HOW_TO]

_BLOCK = re.compile(
    r"(?:<!-- (?P<note>[^\n]*?) -->\n)?"
    r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"\n]+)\")?\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A code block, and what is noted about it."""

    language: str
    title: str
    text: str
    note: str


class Reader:
    """A reader who follows a page in a folder, on a shell with pflow-lower."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "NO_COLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LC_ALL": "C.UTF-8",
        }

    def follow(self, block: Block) -> None:
        if block.title.endswith(" (part)"):
            written = self.folder / block.title.removesuffix(" (part)")
            assert block.text in written.read_text("utf-8")
        elif block.title:
            self.check_form(block)
            path = self.folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")
        elif block.language == "sh":
            self.run(["bash", "-e", "-o", "pipefail", "-c", block.text], block)
        elif block.language == "python":
            self.run([sys.executable, "-c", block.text], block)
        elif block.language == "text":
            assert self.printed == block.text
        else:
            self.check_form(block)

    def run(self, command: list[str], block: Block) -> None:
        expected = int(block.note.removeprefix("status: ") or 0)
        ended = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        self.printed = ended.stdout
        assert ended.returncode == expected, f"{block.text}\n{ended.stdout}"

    def check_form(self, block: Block) -> None:
        if block.language == "toml":
            tomllib.loads(block.text)
        elif block.language == "python":
            compile(block.text, block.title, "exec")
        elif block.language == "json":
            value = json.loads(block.text)
            if not block.title and isinstance(value, dict) and "nodes" in value:
                lower(value)


def blocks_of(page: Path) -> list[Block]:
    found = _BLOCK.finditer(page.read_text("utf-8"))
    return [
        Block(each["language"], each["title"] or "", each["text"], each["note"] or "")
        for each in found
    ]


def follow(page: Path, folder: Path) -> None:
    reader = Reader(folder)
    blocks = [each for each in blocks_of(page) if not each.note.startswith("not run: ")]
    for block in sorted(blocks, key=lambda block: block.title.endswith(" (part)")):
        reader.follow(block)


@pytest.mark.parametrize("page", FROM_NOTHING, ids=lambda page: page.stem)
def test_a_page_works_in_an_empty_folder(page: Path, tmp_path: Path) -> None:
    follow(page, tmp_path)


@pytest.mark.parametrize(
    "page",
    [
        ROOT / "README.md",
        *(pytest.param(page, marks=pytest.mark.slow) for page in HOW_TO),
    ],
    ids=lambda page: page.stem,
)
def test_a_page_works_in_the_folder_of_the_example(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "summarize"
    shutil.copytree(EXAMPLE, folder)
    follow(page, folder)


def test_the_readme_shows_the_example() -> None:
    (workflow,) = (b for b in blocks_of(ROOT / "README.md") if b.title == "docs.json")

    assert workflow.text == (EXAMPLE / "docs.json").read_text("utf-8")


def test_the_readme_is_short_and_names_the_first_commands() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")

    assert len(readme.splitlines()) <= 120
    assert "make run" in readme
    assert "make test" in readme


def test_what_is_not_run_says_why_and_is_little() -> None:
    pages = [*FROM_NOTHING, *WITH_EXAMPLE]
    notes = [block.note for page in pages for block in blocks_of(page) if block.note]
    skipped = [note for note in notes if note.startswith("not run:")]

    assert all(re.fullmatch(r"status: \d+|not run: .{10,}", note) for note in notes)
    assert len(skipped) <= 12


def test_a_block_that_is_wrong_is_found(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    reader.follow(Block("sh", "", "echo tea\n", ""))
    wrong = [
        Block("sh", "", "false\ntrue\n", ""),
        Block("text", "", "rum\n", ""),
        Block("python", "", "raise SystemExit(1)\n", ""),
        Block("json", "a.json", "{,}\n", ""),
    ]

    for block in wrong:
        with pytest.raises((AssertionError, ValueError)):
            reader.follow(block)


def test_the_picture_of_a_diagnostic_shows_what_the_command_says() -> None:
    pictures = ROOT / "docs" / "pictures"
    script = runpy.run_path(str(pictures / "make.py"))
    svg = (pictures / "diagnostic.svg").read_text("utf-8")

    assert script["draw"](script["diagnostic"]) == svg, "make pictures"
    assert "PFL301" in svg


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_links_lead_to_files(page: Path) -> None:
    text = re.sub(
        r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    links = re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text)

    for link in links:
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link
