"""The folders of the package: what imports what, and how long a module may be."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

LINT = "from importlinter.cli import lint_imports_command as run; run()"
LONGEST = 350
"""Lines of a module; a longer one does more than one thing, and is divided."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the package, beside a copy of the contract."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    ignored = shutil.ignore_patterns("__pycache__")
    package = tmp_path / "pflow_lower"
    return shutil.copytree(ROOT / "transpiler/pflow_lower", package, ignore=ignored)


def lint(package: Path) -> tuple[int, str]:
    """Return the status of import-linter and its report, on one line."""
    ended = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=package.parent,
        env={**os.environ, "PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, " ".join(ended.stdout.split())


def test_the_package_keeps_its_contracts(copy: Path) -> None:
    status, report = lint(copy)

    assert status == 0, report
    assert " 0 broken" in report


def test_a_module_without_a_place_breaks_it(copy: Path) -> None:
    (copy / "brandnew.py").write_text("")
    with (copy / "runtime" / "flow.py").open("a") as flow:
        flow.write("import pflow_lower.brandnew\n")

    status, report = lint(copy)

    assert status == 1, report
    assert " 1 broken" in report
    assert "pflow_lower.brandnew (Since this contract is marked as" in report


def test_an_import_upwards_breaks_it(copy: Path) -> None:
    with (copy / "runtime" / "flow.py").open("a") as flow:
        flow.write("import pflow_lower.ir\n")

    status, report = lint(copy)

    assert status == 1, report
    assert "pflow_lower.runtime is not allowed to import pflow_lower.ir" in report


def test_no_module_is_too_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in ROOT.glob("transpiler/**/*.py")
    }

    assert {path: n for path, n in lengths.items() if n > LONGEST} == {}
