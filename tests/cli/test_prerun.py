"""pflow-lower as a pre-run step: --check, --diff, pre-commit, the GitHub action."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from places import ROOT

IR: dict[str, Any] = {
    "nodes": [
        {
            "id": "sum",
            "type": "echo",
            "batch": {"items": ["a", "b"]},
            "params": {"value": "${item}"},
        }
    ]
}


def call(folder: Path, *command: str, status: int = 0) -> Any:
    """Run a program in a folder, with our own programs on its path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    home = {"HOME": str(folder), "PRE_COMMIT_HOME": str(folder / ".cache")}
    names = {"GIT_AUTHOR_NAME": "a", "GIT_COMMITTER_NAME": "a"}
    mails = {"GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_EMAIL": "a@b"}
    ended = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": path, "NO_COLOR": "1"} | home | names | mails,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended


def write(folder: Path, **changes: Any) -> Path:
    path = folder / "workflows" / "docs.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(IR | changes))
    return path


def changed() -> dict[str, Any]:
    (node,) = IR["nodes"]
    return {"nodes": [node | {"params": {"value": "<${item}>"}}]}


def test_check_says_what_is_missing_and_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    ended = call(tmp_path, "pflow-lower", "workflows/docs.json", "--check", status=1)
    assert ended.stdout == ""
    assert ended.stderr == (
        "workflows/docs.lowered.json: is missing; lower workflows/docs.json again\n"
        "workflows/docs_lowered.py: is missing; lower workflows/docs.json again\n"
    )
    assert [path.name for path in (tmp_path / "workflows").iterdir()] == ["docs.json"]


def test_a_repository_uses_it_as_a_pre_run_step(tmp_path: Path) -> None:
    """Lower, commit, change, see the check fail with a diff, lower, see it pass."""
    write(tmp_path)
    check = ("pflow-lower", "workflows/docs.json", "--check", "--diff")
    call(tmp_path, "git", "init", "-q")
    call(tmp_path, "pflow-lower", "workflows/docs.json")
    assert call(tmp_path, *check).stdout == ""
    call(tmp_path, "git", "add", ".")
    call(tmp_path, "git", "commit", "-qm", "lowered")

    write(tmp_path, **changed())
    ended = call(tmp_path, *check, status=1)
    assert ended.stderr == (
        "workflows/docs_lowered.py: is out of date; lower workflows/docs.json again\n"
    )
    diff = re.sub(r"sha256: [0-9a-f]{64}", "sha256: X", ended.stdout)
    assert diff.startswith(
        "--- workflows/docs_lowered.py\n+++ workflows/docs_lowered.py\n"
    )
    assert '-        return {"value": scope.lookup("item")}\n' in diff
    assert '+        return {"value": concat("<", scope.lookup("item"), ">")}\n' in diff
    call(tmp_path, "git", "diff", "--exit-code", "*lowered*")

    call(tmp_path, "pflow-lower", "workflows/docs.json")
    assert call(tmp_path, *check).stdout == ""


def test_a_diff_applies(tmp_path: Path) -> None:
    write(tmp_path, _note="\u2028 is no line break here")
    call(tmp_path, "pflow-lower", "workflows/docs.json")
    write(tmp_path, _note="\u2028 is none here either", **changed())
    diff = call(tmp_path, "pflow-lower", "workflows/docs.json", "--diff", status=1)
    (tmp_path / "change.patch").write_text(diff.stdout)
    call(tmp_path, "git", "apply", "-p0", "change.patch")
    call(tmp_path, "pflow-lower", "workflows/docs.json", "--check")


def test_white_space_in_the_source_is_no_drift(tmp_path: Path) -> None:
    path = write(tmp_path)
    call(tmp_path, "pflow-lower", "workflows/docs.json")
    path.write_text(json.dumps(IR, indent=7))
    call(tmp_path, "pflow-lower", "workflows/docs.json", "--check")


def hooks(folder: Path, hook: str) -> None:
    """Set up a repository whose hook comes from a local clone of ours.

    `language: system` takes the program that is installed, so that nothing is
    fetched; entry, files and all else are those that we offer.
    """
    call(folder, "git", "init", "-q", "ours")
    offered = (ROOT / ".pre-commit-hooks.yaml").read_text()
    (folder / "ours" / ".pre-commit-hooks.yaml").write_text(offered)
    call(folder / "ours", "git", "add", ".")
    call(folder / "ours", "git", "commit", "-qm", "hooks")
    call(folder, "git", "init", "-q", "theirs")
    commit = call(folder / "ours", "git", "rev-parse", "HEAD").stdout.strip()
    (folder / "theirs" / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {folder / 'ours'}\n  rev: {commit}\n  hooks:\n"
        f"  - id: {hook}\n    language: system\n"
    )


@pytest.mark.slow
def test_the_hook_that_checks_runs_through_pre_commit(tmp_path: Path) -> None:
    hooks(tmp_path, "pflow-lower-check")
    theirs = tmp_path / "theirs"
    write(theirs)
    (theirs / "package.json").write_text("{}")
    call(theirs, "pflow-lower", "workflows/docs.json")
    call(theirs, "git", "add", ".")
    assert "Passed" in call(theirs, "pre-commit", "run", "--all-files").stdout

    write(theirs, **changed())
    call(theirs, "git", "add", ".")
    shown = call(theirs, "pre-commit", "run", "--all-files", status=1).stdout
    assert "docs_lowered.py: is out of date" in shown
    assert "package.json" not in shown


@pytest.mark.slow
def test_the_hook_that_lowers_runs_through_pre_commit(tmp_path: Path) -> None:
    hooks(tmp_path, "pflow-lower")
    theirs = tmp_path / "theirs"
    write(theirs)
    call(theirs, "git", "add", ".")
    # What it writes is new to git, so the commit is not stopped by it.
    call(theirs, "pre-commit", "run", "--all-files")
    call(theirs, "pflow-lower", "workflows/docs.json", "--check")

    write(theirs, **changed())
    call(theirs, "git", "add", ".")
    shown = call(theirs, "pre-commit", "run", "--all-files", status=1).stdout
    assert "files were modified by this hook" in shown
    call(theirs, "pflow-lower", "workflows/docs.json", "--check")


def action_step(name: str) -> str:
    """Give the script of a step of the action."""
    steps = (ROOT / "action.yml").read_text().split("- name: ")[1:]
    (step,) = [step for step in steps if step.startswith(name)]
    (script,) = re.findall(r"^ *run: (.+)$", step, re.MULTILINE)
    assert "${{" not in script
    return str(script)


@pytest.mark.parametrize("arguments", ["--check", "--check --strict"])
def test_the_script_of_the_action_reports_for_github(
    tmp_path: Path, arguments: str
) -> None:
    write(tmp_path)
    call(tmp_path, "pflow-lower", "workflows/docs.json")
    script = action_step("Check workflows")
    variables = {"ARGUMENTS": arguments, "WORKFLOWS": "workflows/*[!d].json"}
    before = [f"{name}={value!r}" for name, value in variables.items()]
    program = "; ".join([*before, script])
    call(tmp_path, "bash", "-c", program)

    write(tmp_path, nodes=[IR["nodes"][0] | {"params": {"value": "${itme}"}}])
    errors = call(tmp_path, "bash", "-c", program, status=1).stderr
    assert errors.startswith("::error file=workflows/docs.json,line=1,")
    assert 'no node or input is called "itme"' in errors
