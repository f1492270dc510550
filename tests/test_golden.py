"""What the valid fixtures are lowered to, and what that gives when it is run.

The goldens are real files: a lowered workflow, a module, and the JSON it prints.
Read what has changed after `--snapshot-update`, as a stranger would.
"""

import json
import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest
from goldens import NamedGolden
from places import ROOT, SUPPORT
from syrupy.assertion import SnapshotAssertion
from valid_fixtures import FIXTURES, FOLDER, Fixture, run_program

GOLDENS = Path(__file__).parent / "__snapshots__" / "test_golden"

ACCEPTED = {
    "E501": "a line of a user's text may be longer than a line of code",
}
"""What ruff may say against a generated module."""

any_fixture = pytest.mark.parametrize(
    "fixture", FIXTURES.values(), ids=lambda fixture: fixture.name
)


class GoldenIR(NamedGolden):
    file_extension = "lowered.json"
    test = "test_lowered_ir"


class GoldenModule(NamedGolden):
    file_extension = "py"
    test = "test_module"


class GoldenOutput(NamedGolden):
    file_extension = "output.json"
    test = "test_output"


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the module of every fixture into one folder."""
    folder = tmp_path_factory.mktemp("modules")
    for fixture in FIXTURES.values():
        fixture.lower().write(folder)
    return folder


@any_fixture
def test_lowered_ir(fixture: Fixture, snapshot: SnapshotAssertion) -> None:
    lowered = fixture.lower()

    assert lowered.ir_text == snapshot(name=lowered.name, extension_class=GoldenIR)


@any_fixture
def test_module(fixture: Fixture, snapshot: SnapshotAssertion) -> None:
    lowered = fixture.lower()

    assert lowered.module == snapshot(
        name=lowered.module_name, extension_class=GoldenModule
    )


@any_fixture
def test_output(
    fixture: Fixture, modules: Path, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    module = modules / f"{fixture.lower().module_name}.py"
    run = run_program(module, tmp_path / "files", *fixture.arguments)

    assert (run.returncode, run.stderr) == (0, fixture.said)
    assert run.stdout == snapshot(name=fixture.name, extension_class=GoldenOutput)


@any_fixture
def test_warnings(fixture: Fixture) -> None:
    found = fixture.lower().diagnostics

    assert tuple(one.code.value for one in found) == fixture.warnings


def test_no_golden_is_left_over_and_none_is_collected() -> None:
    expected = {
        name
        for fixture in FIXTURES.values()
        for lowered in [fixture.lower()]
        for name in (
            f"{fixture.name}.lowered.json",
            f"{fixture.name}.output.json",
            f"{lowered.module_name}.py",
        )
    }

    assert {path.name for path in GOLDENS.iterdir()} == expected
    assert not any(name.startswith("test_") for name in expected)
    assert all(name.endswith(("_lowered.py", ".json")) for name in expected)


def test_a_lowered_workflow_is_a_fixture_itself() -> None:
    golden = GOLDENS / "parallel.lowered.json"

    assert (FOLDER / "lowered_again.json").read_bytes() == golden.read_bytes()
    assert (GOLDENS / "lowered_again.lowered.json").read_bytes() == golden.read_bytes()


def test_it_gives_what_the_workflow_gives_that_it_was_lowered_from() -> None:
    golden = GOLDENS / "lowered_again.output.json"

    assert golden.read_bytes() == (GOLDENS / "parallel.output.json").read_bytes()


@any_fixture
def test_what_is_printed_is_json(fixture: Fixture) -> None:
    golden = GOLDENS / f"{fixture.name}.output.json"

    assert isinstance(json.loads(golden.read_text("utf-8")), dict)


@any_fixture
def test_modules_are_ascii_and_compile(fixture: Fixture, tmp_path: Path) -> None:
    module = GOLDENS / f"{fixture.lower().module_name}.py"

    assert module.read_bytes().isascii()
    assert py_compile.compile(str(module), str(tmp_path / "compiled"), doraise=True)


def ruff(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "--isolated", str(GOLDENS)],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def test_ruff_has_nothing_against_the_modules() -> None:
    rules = ("--select", "E,F,W,I,UP,B,C4,PIE,RET,SIM,RUF")
    options = ("--ignore", ",".join(ACCEPTED), "--target-version", "py311")
    run = ruff("check", "--ignore-noqa", "--no-cache", *rules, *options)

    assert (run.returncode, run.stdout) == (0, "All checks passed!\n")


@pytest.mark.slow
def test_the_modules_are_typed(tmp_path: Path) -> None:
    path = os.pathsep.join(
        str(folder)
        for folder in (
            ROOT / "typings",
            ROOT / "transpiler",
            SUPPORT,
            GOLDENS,
        )
    )
    run = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file="),
            *("--python-version", "3.11", "--cache-dir", str(tmp_path)),
            *map(str, sorted(GOLDENS.glob("*.py"))),
        ],
        env={**os.environ, "MYPYPATH": path},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )

    assert (run.returncode, run.stderr) == (0, ""), run.stdout


def test_the_readme_has_a_line_about_each_fixture() -> None:
    readme = (FOLDER.parent / "README.md").read_text("utf-8")
    section = readme.partition("\n## valid\n")[2].partition("\n## ")[0]
    listed = [
        line.split("`")[1] for line in section.splitlines() if line.startswith("| `")
    ]

    assert listed == sorted(FIXTURES)
